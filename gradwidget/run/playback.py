"""A recorded run in the place of a session, for its picture."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NoReturn

from gradwidget.control.control import Control
from gradwidget.problem import Problem
from gradwidget.run.run import Run
from gradwidget.run.run_file_error import RunFileError

if TYPE_CHECKING:
    from gradwidget.action import Action
    from gradwidget.control.reaction import OnFinding, Response
    from gradwidget.diagnose.finding import Finding, Severity
    from gradwidget.diagnose.thresholds import Thresholds
    from gradwidget.frame import Inspection, Layer
    from gradwidget.record.history import History
    from gradwidget.report.processes import Processes

RECORDED = "A recorded run: its loop is elsewhere or over, and cannot be changed from here."


class Playback:
    """Shows a run as it is in its file, and what is added to that.

    It has what a session has. Whatever would reach the loop is refused with the reason.

    Args:
        run: what to show.
    """

    awaits = ""
    batch = None
    budget = None

    def __init__(self, run: Run) -> None:
        self.run = run
        self.on_frame: list[Callable[[], None]] = []
        self.on_end: list[Callable[[], None]] = []
        self.on_control: list[Callable[[], None]] = []
        self.on_inspection: list[Callable[[Inspection], None]] = []
        self.responses: Mapping[Severity, Response] = {}
        self.control = Control(_refuse)
        """Closed: it says why to whoever asks, and has the changes that were made."""
        self.control.close(RECORDED)
        self.control.changes = run.changes
        self._is_left = False
        self._failures: list[Problem] = []

    @property
    def lock(self) -> threading.RLock:
        """Held while more is read."""
        return self.run.lock

    @property
    def history(self) -> History:
        """Everything read so far."""
        return self.run.history

    @property
    def findings(self) -> list[Finding]:
        """What was wrong, as it was said then."""
        return self.run.findings

    @property
    def thresholds(self) -> Thresholds:
        """The bounds that findings were judged by."""
        return self.run.thresholds

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, input first."""
        return self.run.layers

    @property
    def problems(self) -> list[Problem]:
        """Failures that were contained while the run was recorded, and one of following it."""
        return [*self.run.problems, *self._failures]

    @property
    def processes(self) -> Processes:
        """Those that the training was spread over."""
        return self.run.processes

    @property
    def model_class(self) -> str:
        """Class name of the model."""
        return self.run.model_class

    @property
    def overhead(self) -> float:
        """Share of the step time that gradwidget cost lately."""
        return self.run.overhead

    @property
    def sampling_interval(self) -> float:
        """Steps per sampled step, lately."""
        return self.run.sampling_interval

    @property
    def closed(self) -> bool:
        """True once nothing more comes, or nobody looks any more."""
        return self._is_left or self.run.closed

    def report(self, *, full: bool) -> str:
        """What was wrong and what helps, as text."""
        return self.run.report(full=full)

    def poll(self) -> bool:
        """Reads on; whether anything was new. It stops where the file cannot be read any more."""
        try:
            if not self.run.refresh():
                return False
        except (OSError, RunFileError) as error:
            self._is_left = True
            last = self.history.last
            message = f"The run file cannot be followed any more: {error}"
            step = 0 if last is None else last.step
            self._failures = [Problem("following the run file", message, "", step)]
        self.control.changes = self.run.changes
        for notify in tuple(self.on_control):
            notify()
        return True

    def respond(self, on_finding: OnFinding, *, resumable: bool) -> None:  # noqa: ARG002  # as of a session
        """Refuses.

        Raises:
            ValueError: always.
        """
        _refuse(None)

    def inspect(self, layer: str) -> NoReturn:  # noqa: ARG002  # as of a session
        """Refuses: what a layer looked like inside is not recorded.

        Raises:
            ValueError: always.
        """
        _refuse(None)

    def inspect_idle(self, layer: str) -> bool:  # noqa: ARG002  # as of a session
        """There is nothing to look at."""
        return False

    def inspection(self, layer: str) -> None:  # as of a session
        """None was recorded."""

    def log(self, **scalars: object) -> None:  # noqa: ARG002  # as of a session
        """Refuses.

        Raises:
            ValueError: always.
        """
        _refuse(None)

    def charge(self, seconds: float) -> None:
        """What drawing costs is nobody's loss here."""

    def close(self) -> None:
        """Reads no further."""
        self._is_left = True


def _refuse(_: Action | None) -> NoReturn:
    raise ValueError(RECORDED)
