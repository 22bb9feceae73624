"""Reads one file of a run: its frames one after the other, and what was said beside them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gradwidget.control.control import Change
from gradwidget.diagnose.finding import Finding
from gradwidget.diagnose.thresholds import DEFAULT, Thresholds
from gradwidget.frame import Frame, Layer, Wiring
from gradwidget.problem import Problem
from gradwidget.record.capacity import room_for
from gradwidget.record.history import History
from gradwidget.record.overview import Overview, check_chain
from gradwidget.report.processes import ALONE
from gradwidget.run.format import decode
from gradwidget.run.format.block_reader import BlockReader
from gradwidget.run.format.fields import (
    Fields,
    UnreadableError,
    mapping,
    parsed,
    parts_of,
    text,
    whole,
)
from gradwidget.run.format.limits import (
    LONGEST_NAME,
    MOST_PLACES,
    MOST_SCALARS,
    frame_bytes,
    frame_seconds,
    message_seconds,
    rearranging_seconds,
    table_bytes,
)
from gradwidget.run.format.overview import OverviewParts
from gradwidget.run.format.schemas import FORMAT, STANDING
from gradwidget.run.run_file_error import RunFileError
from gradwidget.wording import visible

OF_FRAMES = ("frame", "scalars")
"""Topics that hold frames."""


class Part:
    """One file, read on and on.

    Args:
        path: the file.

    Raises:
        OSError: it cannot be read.
        RunFileError: it is no run file, or the block that says what it is is not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = ""
        """Class name of the model."""
        self.start_step = 0
        """Where the part begins: it replaces what earlier ones have from there on."""
        self.versions: dict[str, str] = {}
        """Of gradwidget, torch and Python, at the time."""
        self.thresholds: Thresholds = DEFAULT
        """The bounds that the findings were judged by."""
        self.layers: tuple[Layer, ...] = ()
        """The newest layers; empty before the first frame."""
        self.findings: list[Finding] = []
        self.changes: tuple[Change, ...] = ()
        self.problems: tuple[Problem, ...] = ()
        self.is_tired = False
        """Whether there is more to read, which would take long."""
        self._is_beyond = False
        self._pending: deque[Frame] = deque()
        self.processes = ALONE
        self._blocks = BlockReader(path)
        self._messages = self._blocks.messages()
        self._layers_number = self._wiring_number = -1
        self._wiring: Wiring | None = None
        self._names: set[str] = set()
        self._metrics: set[str] = set()
        self._framed: tuple[Layer, ...] = ()
        self._count_of_frames = 0
        self._last = -1
        self._overview: OverviewParts | None = None
        self._overviews: list[Overview] = []
        self._losses: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []
        self._readers: dict[str, Callable[[Fields, int], list[Frame] | None]] = {
            "layers": self._read_layers,
            "wiring": self._read_wiring,
            "frame": self._read_frame,
            "scalars": self._read_plain,
            "losses": self._read_losses,
            "findings": self._read_findings,
            "changes": self._read_changes,
            "problems": self._read_problems,
            "processes": self._read_processes,
        }
        self._begin(visible(path.name))

    @property
    def finished(self) -> bool:
        """Whether nothing more will come."""
        return self._blocks.finished

    @property
    def damage(self) -> list[str]:
        """What could not be read, in words."""
        return self._blocks.damage

    def read_into(self, history: History, end: float = math.inf) -> None:
        """Appends what has come since last time, or of much of it so much that nobody waits long.

        Args:
            history: where to.
            end: the step from which a later part has what is to be read; to the end of the file in
                any case, for what is said beside the frames.

        Raises:
            OSError: the file cannot be read.
        """
        with np.errstate(all="ignore"):
            for frame in self.frames():
                if frame.step < end:
                    history.append(frame)
                else:
                    self._is_beyond = True
                self._give_losses(history, end)
            self._give_losses(history, end)
        self.is_tired = self._blocks.is_tired
        self._blocks.begin_turn()

    def give_up(self) -> None:
        """Leaves the rest, where there is more to read than anybody waits for."""
        if self.is_tired:
            self.is_tired = False
            self._blocks.give_up()

    def take_up_overview(self, history: History, end: float) -> None:
        """Adds what the older frames come to, where that is there, which then are not read.

        To be called before anything else is read.

        Args:
            history: where to.
            end: the step from which a later part has what is to be read.

        Raises:
            OSError: the file cannot be read.
        """
        self._blocks.begin_turn()
        try:
            usable: Mapping[str, str] | None = None
            for where in self._blocks.signposts("overview"):
                if int(where["end"]) <= end:
                    usable = where
            if usable is None:
                return
            # To look for it takes what it takes in a run of days.
            self._blocks.begin_turn()
            numbers = usable["next_step"], usable["go_on"], *usable["blocks"].split(",")
            next_step, go_on, *blocks = (whole(int(number)) for number in numbers[:MOST_PLACES])
            for topic, content in self._blocks.messages_of(blocks):
                self._read_standing(topic, content)
                if self._blocks.is_tired:
                    message = "it takes too long"
                    raise UnreadableError(message)
            if self._blocks.finished:
                return
            self._check_overviews(end)
        except (ValueError, KeyError) as error:
            self._blocks.damaged(f"an overview ({error}), so that every frame is read")
            self._overviews.clear()
            return
        self._last = max(self._last, next_step - 1)
        self._blocks.go_on(go_on)
        with np.errstate(all="ignore"):
            for overview in self._overviews:
                self._names |= overview.scalars.keys()
                self._metrics |= overview.metrics.keys()
                history.take_up(overview)
        self._overviews.clear()

    def _read_standing(self, topic: str, content: bytes) -> None:
        self._blocks.spend(message_seconds(len(content), parts_of(content)))
        if topic in STANDING:
            self._readers[topic](parsed(content), len(content))
        elif topic == "overview":
            data = parsed(content)
            self._layers_of(data)
            self._overview = OverviewParts(data, self.layers)
        elif topic == "overview_metric" and self._overview is not None:
            self._overview.add(parsed(content))
        if self._overview is not None and self._overview.is_whole:
            self._overviews.append(self._overview.overview())
            self._overview = None

    def _check_overviews(self, end: float) -> None:
        """Each must continue the one before it, and nothing may be of other parts."""
        if not self._overviews:
            message = "it is not there"
            raise UnreadableError(message)
        check_chain(self._overviews, room_for(len(self.layers)).coarse)
        steps, losses = self._overviews[0].steps, self._overviews[-1].losses.steps
        if min(steps[0], *losses[:1]) < self.start_step:
            message = "it begins before its part"
            raise UnreadableError(message)
        newest = self._overviews[-1]
        if max(newest.next_step, newest.losses.last_step + 1) > end:
            message = "it ends behind its part"
            raise UnreadableError(message)

    def _give_losses(self, history: History, end: float) -> None:
        for steps, values in self._losses:
            history.losses.extend(steps[steps < end], values[steps < end])
        self._losses.clear()

    def frames(self) -> Iterator[Frame]:
        """The frames that have come since last time, in the order of their steps.

        What was said up to a frame is known when the frame is given.

        Raises:
            OSError: the file cannot be read.
        """
        while not self._blocks.is_tired:
            if self._pending:
                frame = self._pending.popleft()
                self._count(frame)
                if self._blocks.finished:
                    return
                if frame.step > self._last and len(self._names) <= MOST_SCALARS:
                    self._last = frame.step
                    yield frame
            elif message := next(self._messages, None):
                self._read(*message)
            else:
                self._messages = self._blocks.messages()
                return

    def _read(self, topic: str, content: bytes) -> None:
        if topic not in self._readers or (self._is_beyond and topic in OF_FRAMES):
            return  # a later version may record more
        self._blocks.spend(message_seconds(len(content), parts_of(content)))
        try:
            self._pending.extend(self._readers[topic](parsed(content), len(content)) or ())
        except (ValueError, KeyError) as error:
            self._blocks.damaged(f"a message of {topic} ({error})")

    def _count(self, frame: Frame) -> None:
        """Notes what there is besides, and what the frame takes."""
        self._names |= frame.scalars.keys()
        self._metrics |= frame.metrics.keys()
        layers, tracked = len(frame.layers), len(frame.layers) * len(self._metrics)
        self._blocks.spend(frame_seconds(layers * len(frame.metrics), tracked, len(self._names)))
        if frame.layers is not self._framed:
            self._framed = frame.layers
            self._blocks.spend(rearranging_seconds(tracked, self._count_of_frames))
        self._count_of_frames += 1

    def _begin(self, name: str) -> None:
        topic, content = next(self._messages, ("", b""))
        if topic != "run":
            damage = f": {self.damage[0]}" if self.damage else ""
            message = (
                f"{name} has no whole first block{damage}, which says what the others are. "
                "Nothing of it can be read; where the run has a copy or a later part, open that."
            )
            raise RunFileError(message)
        try:
            about = parsed(content)
            version = whole(about["format"])
            if version <= FORMAT:
                self._read_about(about)
        except (ValueError, KeyError) as error:
            message = f"{name} does not say what was recorded ({error}): it is damaged or foreign"
            raise RunFileError(message) from None
        if version > FORMAT:
            message = (
                f"{name} was recorded by a later gradwidget (format {version}, known is {FORMAT}): "
                "pip install --upgrade gradwidget"
            )
            raise RunFileError(message)

    def _read_about(self, data: Fields) -> None:
        self.model = text(data["model"], LONGEST_NAME)
        self.start_step = whole(data["start_step"])
        self._last = self.start_step - 1
        versions = mapping(data["versions"], 100)
        self.versions = {text(name, 100): text(one, 100) for name, one in versions.items()}
        self.thresholds = decode.thresholds_from(data["thresholds"])

    def _read_layers(self, data: Fields, size: int) -> None:
        layers = decode.layers_from(data)
        _check(size, table_bytes(len(layers)))
        self.layers, self._layers_number = layers, whole(data["id"])

    def _read_wiring(self, data: Fields, size: int) -> None:
        _check(size, table_bytes(len(self.layers)))
        self._wiring = decode.wiring_from(data, len(self.layers))
        self._wiring_number = whole(data["id"])

    def _read_frame(self, data: Fields, size: int) -> list[Frame]:
        _check(size, frame_bytes(len(self.layers)))
        return [decode.frame_from(data, self._layers_of(data), self._wiring_of(data))]

    def _read_plain(self, data: Fields, _size: int) -> list[Frame]:
        return decode.plain_from(data, self._layers_of(data), self._wiring_of(data))

    def _read_losses(self, data: Fields, _size: int) -> None:
        self._losses.append(decode.losses_from(data))

    def _read_findings(self, data: Fields, _size: int) -> None:
        self.findings = decode.findings_from(data)

    def _read_changes(self, data: Fields, _size: int) -> None:
        self.changes = decode.changes_from(data)

    def _read_problems(self, data: Fields, _size: int) -> None:
        self.problems = decode.problems_from(data)

    def _read_processes(self, data: Fields, _size: int) -> None:
        self.processes = decode.processes_from(data)

    def _layers_of(self, data: Fields) -> tuple[Layer, ...]:
        # A number that is not known stands in a block that is damaged.
        if whole(data["layers"]) != self._layers_number:
            message = "its layers are not known"
            raise UnreadableError(message)
        return self.layers

    def _wiring_of(self, data: Fields) -> Wiring | None:
        number = data["wiring"]
        return self._wiring if number is not None and number == self._wiring_number else None


def _check(size: int, most: int) -> None:
    if size > most:
        message = f"{size:,} bytes where {most:,} are the most"
        raise UnreadableError(message)
