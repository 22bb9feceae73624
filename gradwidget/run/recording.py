"""Turns what happens in a run into messages of its file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from gradwidget.report.processes import ALONE, Processes
from gradwidget.run.format.encode import (
    changes_data,
    findings_data,
    frame_data,
    is_plain,
    layers_data,
    losses_data,
    plain_data,
    problems_data,
    processes_data,
    wiring_data,
)
from gradwidget.run.format.file_writer import FileWriter
from gradwidget.run.format.limits import (
    MESSAGE_BYTES,
    MIB,
    MOST_LAYERS,
    MOST_ROWS,
    frame_bytes,
    table_bytes,
)
from gradwidget.run.news import News
from gradwidget.run.overviews import AskOverview, Overviews

if TYPE_CHECKING:
    from gradwidget.diagnose.finding import Finding
    from gradwidget.frame import Frame, Layer, Wiring

LONGER = 1.1
"""Times that a run has to be as long as when what changes at every step was last told of its
processes."""

FULL_UNTIL = 256 * MIB
"""Bytes up to which every frame is recorded as it came."""
FULL_STEP = 32 * MIB
"""Further bytes after which only half as many frames keep what was measured by layer."""


class Recording:
    """What is known of a run's file while it is written, on one thread.

    Args:
        file: where it goes.
        overview: gives overviews of the run.
    """

    def __init__(self, file: FileWriter, overview: AskOverview = lambda _: None) -> None:
        self._file = file
        self._overviews = Overviews(file, overview)
        self._plain: list[Frame] = []
        self._layers: tuple[Layer, ...] | None = None
        self._wiring: Wiring | None = None
        self._numbers = {"layers": 0, "wiring": 0}
        self._said: Sequence[Finding] = []
        self._said_lasting: Sequence[Finding] = []
        self._newest: Sequence[Finding] = []
        self._news = News()
        self._told_step = 0
        self._loss_step = -1
        self._measured = 0
        self.step = 0
        """Of the newest frame."""

    def add(self, frame: Frame, findings: Sequence[Finding]) -> None:
        """Adds a frame, and all findings after it.

        Raises:
            OSError: it cannot be written.
            ValueError: it is larger than a reader takes.
        """
        self.step = frame.step
        self._follow(frame)
        if frame.metrics and self._is_left_out():
            frame = without_layers(frame)
        if is_plain(frame):
            if self._plain and self._plain[-1].reasons != frame.reasons:
                self._write_plain()
            self._plain.append(frame)
            if len(self._plain) >= MOST_ROWS:
                self._write_plain()
        else:
            self._write_plain()
            data = frame_data(frame, self._numbers["layers"], self._wiring_number)
            self._add("frame", data, frame_bytes(len(frame.layers)), frame)
        self._newest = findings
        if (lasting := _lasting(findings)) != self._said_lasting:
            self._said_lasting = lasting
            self._write_plain()
            self._say(findings)

    def add_losses(self, losses: Sequence[tuple[int, float]]) -> None:
        """Adds steps and their losses.

        Each must come after all before it, others are left out, as a history does: of several
        processes, a frame is made some steps after the losses of its own process are known.

        Raises:
            OSError: it cannot be written.
        """
        later = []
        for step, loss in losses:
            if step > self._loss_step:
                self._loss_step = step
                later.append((step, loss))
        for start in range(0, len(later), MOST_ROWS):
            self._add("losses", losses_data(later[start : start + MOST_ROWS]))

    def flush(self, news: News | None, *, is_last: bool = False) -> None:
        """Writes all that was added, and of the news what is new.

        Args:
            news: None where nobody can tell any.
            is_last: whether nothing comes after it.

        Raises:
            OSError: it cannot be written.
        """
        news = news or self._news
        self._write_plain()
        if self._newest != self._said:
            self._say(self._newest)
        if news.changes != self._news.changes:
            self._add("changes", changes_data(news.changes))
        if news.problems != self._news.problems:
            self._add("problems", problems_data(news.problems))
        if (is_last and news.processes != ALONE) or self._is_to_be_told(news.processes):
            self._told_step = self.step
            self._add("processes", processes_data(news.processes))
        self._news = news
        self._file.flush()
        self._overviews.flushed()
        if self._layers is not None:
            self._overviews.write(self._layers, self._numbers["layers"])

    def _add(
        self,
        topic: str,
        data: Mapping[str, object],
        most: int = MESSAGE_BYTES,
        *frames: Frame,
    ) -> None:
        block = self._file.written
        self._file.add(topic, data, most)
        self._overviews.added(topic, block, *frames)

    @property
    def _wiring_number(self) -> int | None:
        return None if self._wiring is None else self._numbers["wiring"]

    def _follow(self, frame: Frame) -> None:
        """Writes the layers and the wiring where they are not those of the frame before."""
        if frame.layers is not self._layers:
            self._write_plain()
            count = len(frame.layers)
            if count > MOST_LAYERS:
                message = f"{count:,} layers, where {MOST_LAYERS:,} can be recorded"
                raise ValueError(message)
            self._numbers["layers"] += 1
            data = layers_data(frame.layers, self._numbers["layers"])
            self._add("layers", data, table_bytes(count))
            self._layers = frame.layers
        if frame.wiring is not self._wiring:
            self._write_plain()
            self._wiring = frame.wiring
            if frame.wiring is not None:
                self._numbers["wiring"] += 1
                data = wiring_data(frame.wiring, self._numbers["wiring"])
                self._add("wiring", data, table_bytes(len(frame.layers)))

    def _write_plain(self) -> None:
        if self._plain:
            frames, self._plain = self._plain, []
            data = plain_data(frames, self._numbers["layers"], self._wiring_number)
            self._add("scalars", data, MESSAGE_BYTES, *frames)

    def _is_left_out(self) -> bool:
        """Whether a frame is one of those that a long run records without its layers."""
        self._measured += 1
        beyond = self._file.written - self._overviews.written - FULL_UNTIL
        return beyond > 0 and self._measured % 2 ** (1 + beyond // FULL_STEP) != 0

    def _is_to_be_told(self, processes: Processes) -> bool:
        if _lasting_ranks(processes) != _lasting_ranks(self._news.processes):
            return True
        return processes != ALONE and self.step > LONGER * self._told_step

    def _say(self, findings: Sequence[Finding]) -> None:
        self._said = findings
        self._add("findings", findings_data(findings, self.step))


def without_layers(frame: Frame) -> Frame:
    """A frame without what was measured by layer."""
    return replace(frame, metrics={}, measured={}, recurrent=())


def _lasting_ranks(processes: Processes) -> Processes:
    """The processes without what changes at every step."""
    ranks = [replace(one, step=0, loss=0.0, seconds=0.0) for one in processes.ranks]
    return replace(processes, ranks=ranks)


def _lasting(findings: Sequence[Finding]) -> list[Finding]:
    """The findings without what changes at every frame: it is written once in a while."""
    return [
        replace(finding, last_step=0, evidence={}) if finding.active else finding
        for finding in findings
    ]
