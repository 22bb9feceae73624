"""Turns the state of a session into messages: all of it for a page that opens, then what is new."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from gradwidget.diagnose.summary.layer_state import layer_states
from gradwidget.diagnose.summary.loss_trend import loss_trend
from gradwidget.metrics import METRICS
from gradwidget.record.history import LOOK_BACK
from gradwidget.record.losses import KEPT
from gradwidget.report.headline import headline, newest_step
from gradwidget.report.processes import ALONE, Processes
from gradwidget.view.protocol import to_messages
from gradwidget.view.protocol.arrays import newest, whole
from gradwidget.view.protocol.codec import Array, encode
from gradwidget.view.protocol.messages import (
    Delta,
    FindingInfo,
    ProblemInfo,
    ReasonInfo,
    Shown,
    Snapshot,
    Status,
)

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from gradwidget.diagnose.finding import Finding
    from gradwidget.diagnose.thresholds import Thresholds
    from gradwidget.frame import Layer
    from gradwidget.problem import Problem
    from gradwidget.record.history import History

FIRST_AGAIN = 1.0
"""Seconds after which everything is sent again, as long as no page has asked for it; then twice as
many, and so on. A page may open in the middle of a cell that its question has to wait for."""


class Source(Protocol):
    """What the picture reads of a session, or of a recorded run."""

    @property
    def history(self) -> History:
        """Everything measured."""

    @property
    def lock(self) -> AbstractContextManager[object]:
        """Held while several things that belong together are read."""

    @property
    def findings(self) -> list[Finding]:
        """What is wrong."""

    @property
    def thresholds(self) -> Thresholds:
        """The bounds that findings are judged by."""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers watched, input first."""

    @property
    def problems(self) -> Sequence[Problem]:
        """Contained failures."""

    @property
    def processes(self) -> Processes:
        """Those that watch the same model, where there are several."""

    @property
    def awaits(self) -> str:
        """What the first step waits for, in words; empty once it is over."""

    @property
    def overhead(self) -> float:
        """Share of the step time that gradwidget costs; NaN before it is known."""

    @property
    def sampling_interval(self) -> float:
        """Steps per sampled step."""

    @property
    def closed(self) -> bool:
        """True once nothing is watched any more."""


class Updates:
    """Remembers what the page has been told.

    Args:
        source: the session to show.
        model: class name of its model.
        problems: failures of the view itself, shown after those of the session.
    """

    def __init__(self, source: Source, model: str, problems: Sequence[Problem]) -> None:
        self._source = source
        self._model = model
        self._view_problems = problems
        self._is_asked = False
        self._again_at = time.monotonic() + FIRST_AGAIN
        self._again_after = FIRST_AGAIN
        self._sent_frames = self._sent_losses = 0
        self._sent_layers: tuple[Layer, ...] = ()
        self._sent_metrics: list[str] = []
        self._sent_states: list[str] = []
        self._sent_reasons: list[ReasonInfo] = []
        self._sent_findings: list[FindingInfo] = []
        self._sent_problems: list[ProblemInfo] = []
        self._sent_processes = to_messages.processes_info(ALONE)
        self._sent_awaits = ""

    @property
    def is_behind(self) -> bool:
        """Whether the page has not been told of failures, or of what the first step waits for."""
        known = len(self._source.problems) + len(self._view_problems)
        return known != len(self._sent_problems) or self._source.awaits != self._sent_awaits

    def answer(self) -> tuple[Shown, bytes]:
        """Everything so far, for a page that has asked for it."""
        self._is_asked = True
        return self.snapshot()

    def snapshot(self, columns: int | None = None) -> tuple[Snapshot, bytes]:
        """Everything so far, and its binary buffer.

        Args:
            columns: of layers' statistics at most, where it has to be small.
        """
        with self._source.lock:
            arrays = whole(self._source.history, columns)
            findings, layers = self._source.findings, self._layers
            status, states = self._status(findings)
            self._sent_reasons = self._reasons
            self._note_sent()
        self._sent_layers, self._sent_states = layers, states
        self._sent_metrics = _metrics(arrays)
        self._sent_findings = [to_messages.finding_info(finding) for finding in findings]
        self._sent_problems = self._problems
        self._sent_processes = to_messages.processes_info(self._source.processes)
        blocks, data = encode(arrays)
        limits = self._source.thresholds
        message = Snapshot(
            kind="snapshot",
            model=self._model,
            metrics=[to_messages.metric_info(METRICS[name], limits) for name in self._sent_metrics],
            layers=[to_messages.layer_info(layer) for layer in layers],
            status=status,
            states=states,
            reasons=self._sent_reasons,
            findings=self._sent_findings,
            problems=self._sent_problems,
            processes=self._sent_processes,
            blocks=blocks,
        )
        return message, data

    def update(self) -> tuple[Shown, bytes]:
        """What came since the last message; everything where the page could not follow that."""
        if not self._is_asked and time.monotonic() >= self._again_at:
            self._again_after *= 2
            self._again_at = time.monotonic() + self._again_after
            return self.snapshot()
        with self._source.lock:
            history = self._source.history
            new = history.version - self._sent_frames
            losses = history.losses.version - self._sent_losses
            follows = new <= history.kept and losses <= KEPT and self._layers is self._sent_layers
            arrays = newest(history, new, losses) if (new or losses) and follows else []
            findings = self._source.findings
            status, states = self._status(findings)
            reasons = self._reasons
            self._note_sent()
        if not follows or not set(_metrics(arrays)) <= set(self._sent_metrics):
            return self.snapshot()
        blocks, data = encode(arrays)
        infos = [to_messages.finding_info(finding) for finding in findings]
        problems = self._problems
        processes = to_messages.processes_info(self._source.processes)
        message = Delta(
            kind="delta",
            status=status,
            states=None if states == self._sent_states else states,
            reasons=None if reasons == self._sent_reasons else reasons,
            findings=None if infos == self._sent_findings else infos,
            problems=None if problems == self._sent_problems else problems,
            processes=None if processes == self._sent_processes else processes,
            blocks=blocks,
        )
        self._sent_states, self._sent_reasons = states, reasons
        self._sent_findings, self._sent_problems = infos, problems
        self._sent_processes = processes
        return message, data

    def _note_sent(self) -> None:
        history = self._source.history
        self._sent_frames, self._sent_losses = history.version, history.losses.version

    @property
    def _layers(self) -> tuple[Layer, ...]:
        # The history's columns are in its own order, which is what the arrays have; before the
        # first frame there is only what is meant to be watched.
        return self._source.history.layers or self._source.layers

    @property
    def _reasons(self) -> list[ReasonInfo]:
        return to_messages.reason_infos(self._source.history.recent_frames(LOOK_BACK))

    @property
    def _problems(self) -> list[ProblemInfo]:
        return [
            to_messages.problem_info(problem)
            for problem in (*self._source.problems, *self._view_problems)
        ]

    def _status(self, findings: list[Finding]) -> tuple[Status, list[str]]:
        history = self._source.history
        states = layer_states(history, findings)
        problems = [*self._source.problems, *self._view_problems]
        worst = next((finding for finding in findings if finding.active), None)
        is_off = any(problem.is_off for problem in problems)
        window = self._source.thresholds.window
        self._sent_awaits = self._source.awaits
        is_open = history.version < window
        calm = "not measured" if is_off or is_open else "ok"
        status = Status(
            verdict=self._source.processes.headline
            or headline(history, findings, states, problems, window, awaits=self._sent_awaits),
            state=calm if worst is None else to_messages.finding_state(worst),
            step=newest_step(history),
            trend=loss_trend(history),
            overhead=to_messages.finite(self._source.overhead),
            sampling=to_messages.finite(self._source.sampling_interval),
            closed=self._source.closed,
        )
        return status, [str(state) for state in states] or ["not measured"] * len(self._layers)


def _metrics(arrays: list[Array]) -> list[str]:
    named = {array.name for array in arrays if array.part == "value"}
    return [name for name in METRICS if name in named]
