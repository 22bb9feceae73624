"""Writes into a run file, once in a while, what its frames so far come to.

Who opens a long run reads the newest overview and the frames after it, and none of those before.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from gradwidget.record.capacity import COARSE
from gradwidget.run.format.file_writer import FileWriter
from gradwidget.run.format.limits import frame_seconds
from gradwidget.run.format.overview import overview_messages
from gradwidget.run.format.schemas import STANDING

if TYPE_CHECKING:
    from gradwidget.frame import Frame, Layer
    from gradwidget.record.overview import Overview

AskOverview = Callable[[int], "Overview | None"]
"""Summarizes the frames after a number of them; None where there would be none."""

LONG = 0.6
"""Seconds of reading beyond which an overview is written."""
GAIN = 0.25
"""Seconds of reading that it must save."""


class _Mark(NamedTuple):
    """The end of a block."""

    offset: int
    """Where the next one begins."""
    step: int
    """Of the newest frame before it."""
    seconds: float
    """That reading all frames before it takes."""
    blocks: dict[str, int]
    """Where the newest message of each standing topic is."""


class Overviews:
    """What is known of the blocks of a file while it is written.

    Args:
        file: where it goes.
        ask: gives overviews of the run.
    """

    def __init__(self, file: FileWriter, ask: AskOverview) -> None:
        self._file = file
        self._ask = ask
        self._blocks: dict[str, int] = {}
        self._marks: list[_Mark] = []
        self._step = -1
        self._seconds = self._tried = self._begin = 0.0
        self._metrics: set[str] = set()
        self._scalars: set[str] = set()
        self._covered = 0
        self._columns = 0
        """Written since all of them were."""
        self._places: list[int] = []
        """The blocks of the newest overview."""
        self._layers: tuple[Layer, ...] = ()
        self.written = 0
        """Bytes that overviews take."""

    def added(self, topic: str, block: int, *frames: Frame) -> None:
        """A message has been added.

        Args:
            topic: of the message.
            block: where its block begins.
            frames: those in it.
        """
        if topic in STANDING:
            self._blocks = {**self._blocks, topic: block}
        for frame in frames:
            self._step = frame.step
            self._metrics |= frame.metrics.keys()
            self._scalars |= frame.scalars.keys()
            layers, tracked = len(frame.layers), len(frame.layers) * len(self._metrics)
            self._seconds += frame_seconds(layers * len(frame.metrics), tracked, len(self._scalars))
        self.flushed()

    def flushed(self) -> None:
        """A block may have ended."""
        offset = self._file.written
        if not self._marks or (
            offset != self._marks[-1].offset and self._step != self._marks[-1].step
        ):
            self._marks.append(_Mark(offset, self._step, self._seconds, self._blocks))

    def write(self, layers: tuple[Layer, ...], number: int) -> None:
        """Writes an overview where that is due. To be called between two blocks.

        Args:
            layers: those in force.
            number: under which they are in the file.

        Raises:
            OSError: it cannot be written.
        """
        if self._seconds - self._begin < LONG or self._seconds - self._tried < GAIN:
            return
        self._tried = self._seconds
        is_all = self._layers is not layers or self._columns > COARSE
        overview = self._ask(0 if is_all else self._covered)
        if overview is None or overview.layers is not layers:
            return
        place = bisect_left(self._marks, overview.next_step, key=lambda one: one.step) - 1
        mark = self._marks[place]
        if (
            place < 0
            or mark.seconds - self._begin < GAIN
            or mark.blocks.get("layers") != self._blocks.get("layers")
        ):
            return
        before = self._file.written
        self._write(overview, number, mark)
        self.written += self._file.written - before
        self._layers, self._covered, self._begin = layers, overview.covered, mark.seconds
        del self._marks[:place]

    def _write(self, overview: Overview, number: int, mark: _Mark) -> None:
        if not overview.since:
            self._places, self._columns = [], 0
        self._columns += len(overview.steps)
        blocks = dict.fromkeys(self._places)
        for topic, data in overview_messages(overview, number):
            blocks[self._file.written] = None
            self._file.add(topic, data)
        self._file.flush()
        self._places = list(blocks)
        standing = sorted(set(mark.blocks.values()))
        self._file.point_to(
            "overview",
            blocks=",".join(map(str, [*standing, *self._places])),
            next_step=str(overview.next_step),
            end=str(max(overview.next_step, overview.losses.last_step + 1)),
            go_on=str(mark.offset),
        )
