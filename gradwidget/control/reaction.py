"""What happens when a finding opens: a pause, a debugger, an exception, or a function call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, get_args

from gradwidget.control.breakpoint import break_after_this_line
from gradwidget.control.control import Control
from gradwidget.diagnose.finding import Severity

if TYPE_CHECKING:
    from gradwidget.diagnose.finding import Finding, Symptom

Word = Literal["pause", "breakpoint", "raise"]
Response = Word | Callable[["Finding"], object] | None
OnFinding = Response | Mapping[Severity, Response]
"""A word alone is for critical findings, a function alone for all; a mapping says it for each
severity."""


class GradientError(RuntimeError):
    """Raised in the training loop, between two steps, by ``on_finding="raise"``."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding
        """What was found."""


class Reaction:
    """Acts once on each finding that opens, and once more if it becomes critical.

    Args:
        control: to pause the loop with.
        call: calls a user's function so that its failure does not reach the loop.
    """

    def __init__(
        self, control: Control, call: Callable[[Callable[[Finding], object], Finding], object]
    ) -> None:
        self._control = control
        self._call = call
        self._responses: dict[Severity, Response] = {}
        self._seen: set[tuple[Symptom, int, Severity]] = set()

    @property
    def responses(self) -> Mapping[Severity, Response]:
        """The response to findings of each severity, where there is one."""
        return self._responses

    def set(self, on_finding: OnFinding, *, resumable: bool) -> None:
        """Replaces all responses.

        Args:
            on_finding: what to do, as ``GradMonitor`` and ``GradWidget`` take it.
            resumable: whether there is somebody who could resume a paused loop.

        Raises:
            ValueError: an unknown word or severity, or ``"pause"`` where nobody could resume.
            TypeError: neither a word nor a function.
        """
        responses = _by_severity(on_finding)
        if not resumable and "pause" in responses.values():
            message = (
                'on_finding="pause" needs a GradWidget: without one nobody could resume. '
                'Use "raise", "breakpoint" or a function.'
            )
            raise ValueError(message)
        self._responses = responses

    def opened(self, findings: Sequence[Finding]) -> None:
        """Reacts to those of the present findings that are new.

        To be called on the training thread, before the step is left.
        """
        for finding in findings:
            key = finding.symptom, finding.reported_step, finding.severity
            if not finding.active or key in self._seen:
                continue
            self._seen.add(key)
            self._respond(self._responses.get(finding.severity), finding)

    def _respond(self, response: Response, finding: Finding) -> None:
        if response == "pause":
            self._pause(finding)
        elif response == "raise":
            self._control.gate.fail(GradientError(finding))
        elif response == "breakpoint":
            self._call(_break, finding)
        elif response is not None:
            self._call(response, finding)

    def _pause(self, finding: Finding) -> None:
        try:
            self._control.pause(f"{finding.title}: {finding.message}")
        except ValueError as refused:
            self._control.refused(str(refused))


def _break(finding: Finding) -> None:
    if not break_after_this_line():
        message = f"no frame of your own to open a debugger in, for: {finding.message}"
        raise LookupError(message)


def _by_severity(on_finding: OnFinding) -> dict[Severity, Response]:
    if on_finding is None:
        return {}
    if isinstance(on_finding, Mapping):
        for severity, response in on_finding.items():
            if severity not in get_args(Severity):
                message = (
                    f"unknown severity {severity!r}; known are {', '.join(get_args(Severity))}"
                )
                raise ValueError(message)
            _check(response)
        return {
            severity: response for severity, response in on_finding.items() if response is not None
        }
    _check(on_finding)
    if isinstance(on_finding, str):
        return {"critical": on_finding}
    return {"critical": on_finding, "warning": on_finding}


def _check(response: object) -> None:
    if isinstance(response, str):
        if response not in get_args(Word):
            known = ", ".join(get_args(Word))
            message = f"unknown response {response!r}; known are {known}, or a function"
            raise ValueError(message)
    elif response is not None and not callable(response):
        kind = type(response).__name__
        message = f"on_finding takes a word, a function or a mapping by severity, not {kind}"
        raise TypeError(message)
