"""Takes what a page asks of the loop, checks it, hands it to control, and answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Literal

from gradwidget.control.commands import Answer as Outcome
from gradwidget.control.commands import Pause, Resume, Step, Undo
from gradwidget.view.protocol.messages import Answer, ControlState, ResponseInfo
from gradwidget.view.protocol.to_messages import change_info, change_of
from gradwidget.wording import visible

if TYPE_CHECKING:
    from gradwidget.control.gate import Gate
    from gradwidget.control.reaction import OnFinding, Response
    from gradwidget.diagnose.finding import Remedy, Severity
    from gradwidget.view.watched import Watched

SEVERITIES: tuple[Severity, ...] = ("critical", "warning")

LARGEST = 1_000_000_000
"""The largest number that a page may send; a larger one is a mistake, and Python may not be able to
write it out."""


class Requests:
    """Where requests arrive, on any thread.

    Args:
        session: whose loop it is.
        reply: sends an answer to the page; from any thread.
        when_idle: calls what it is given on the thread that runs cells, as soon as none runs.
    """

    def __init__(
        self,
        session: Watched,
        reply: Callable[[Answer], None],
        when_idle: Callable[[Callable[[], object]], None] = lambda _: None,
    ) -> None:
        self._session = session
        self._reply = reply
        self._when_idle = when_idle
        self._handlers: dict[str, Callable[[Mapping[str, object]], Future[Outcome] | str]] = {
            "pause": lambda _: self._gate.submit(Pause()),
            "resume": lambda _: self._gate.submit(Resume()),
            "step": lambda request: self._gate.submit(Step(_whole(request, "count"))),
            "apply": self._apply,
            "undo": lambda request: self._gate.submit(Undo(_whole(request, "number"))),
            "pause_on": self._pause_on,
            "inspect": self._inspect,
        }

    @property
    def state(self) -> ControlState:
        """How things stand."""
        control = self._session.control
        gate = control.gate.state
        return ControlState(
            kind="control",
            mode="closed" if self._session.closed or control.gate.closed else gate.mode,
            left=gate.left,
            step=gate.step,
            reason=gate.reason,
            changes=[change_info(change) for change in control.changes],
            responses=[
                ResponseInfo(
                    severity=severity,
                    response=_response_word(self._session.responses.get(severity)),
                )
                for severity in SEVERITIES
            ],
        )

    def receive(self, message: Mapping[str, object]) -> None:
        """Does what a page asks. A message that is no request, or none of ours, is ignored."""
        kind, request = message.get("kind"), message.get("request")
        handler = self._handlers.get(kind) if isinstance(kind, str) else None
        if handler is None or not isinstance(request, str):
            return
        try:
            outcome = handler(message)
        except ValueError as error:
            self._answer(request, ok=False, text=str(error))
            return
        if isinstance(outcome, str):
            self._answer(request, ok=True, text=outcome)
        else:
            outcome.add_done_callback(
                lambda done: self._answer(request, ok=done.result().ok, text=done.result().text)
            )

    @property
    def _gate(self) -> Gate:
        return self._session.control.gate

    def _apply(self, request: Mapping[str, object]) -> Future[Outcome]:
        return self._session.control.submit(self._remedy(request))

    def _remedy(self, request: Mapping[str, object]) -> Remedy:
        wanted = request.get("symptom"), request.get("reported_step")
        for finding in self._session.findings:
            if (finding.symptom.value, finding.reported_step) != wanted:
                continue
            for remedy in finding.remedies:
                if change_of(remedy) == request.get("change"):
                    return remedy
        message = "this remedy is no longer proposed"
        raise ValueError(message)

    def _pause_on(self, request: Mapping[str, object]) -> str:
        severity, pause = request.get("severity"), request.get("pause")
        if severity not in SEVERITIES or not isinstance(pause, bool):
            message = (
                "not understood: severity must be critical or warning, and pause true or false"
            )
            raise ValueError(message)
        responses: dict[Severity, Response] = dict(self._session.responses)
        responses[severity] = "pause" if pause else None
        on_finding: OnFinding = responses
        self._session.respond(on_finding, resumable=True)
        return f"{'Pauses' if pause else 'Does not pause'} on {severity} findings."

    def _inspect(self, request: Mapping[str, object]) -> Future[Outcome] | str:
        layer = request.get("layer")
        if not isinstance(layer, str):
            message = "layer must be a name"
            raise ValueError(message)  # noqa: TRY004 - it is the message that is wrong
        # A page has names as they were sent to it, with what cannot be seen written out.
        name = next(
            (known.name for known in self._session.layers if visible(known.name) == layer), layer
        )
        said = self._session.inspect(name)
        # Where a cell runs a step comes first, or the cell ends without one.
        self._when_idle(partial(self._session.inspect_idle, name))
        return said

    def _answer(self, request: str, *, ok: bool, text: str) -> None:
        self._reply(Answer(kind="answer", request=request, ok=ok, text=text))


def _response_word(
    response: Response,
) -> Literal["pause", "breakpoint", "raise", "function"] | None:
    return "function" if callable(response) else response


def _whole(request: Mapping[str, object], name: str) -> int:
    value = request.get(name)
    # A bool is an int, but no number that anybody means.
    if type(value) is not int or not 1 <= value <= LARGEST:
        message = f"{name} must be a whole number of at least 1 and at most {LARGEST:,}"
        raise ValueError(message)
    return value
