"""Control: brings what a person asks to the gate, and keeps what has been changed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gradwidget.action import Action, Applied, parse_action
from gradwidget.control.commands import (
    Answer,
    Apply,
    Errand,
    Inspect,
    Pause,
    Resume,
    Step,
    Undo,
    spelled,
)
from gradwidget.control.gate import Gate

if TYPE_CHECKING:
    from gradwidget.diagnose.finding import Remedy

PATIENCE = 60.0
"""Seconds that a call waits for a paused loop to carry out a change; fresh weights of the largest
layers take a few."""

PENDING = "Pending: it is done at the next pause point, between two steps."


@dataclass(frozen=True, slots=True)
class Change:
    """A change that was made to the loop."""

    number: int
    """Counted from 1 in the order in which they were made."""

    step: int
    """The last step before it."""

    text: str
    """What was changed, in a few words."""

    undone_step: int | None = None
    """The last step before it was taken back; None while it is in force."""


class Control:
    """Pause, resume, step, apply and undo, for every front end alike.

    Args:
        actuate: carries an action out between two steps; a ``ValueError`` from it says why it
            cannot be done.
        changed: called on any thread when ``gate.state`` or ``changes`` is no longer what it was;
            keep it quick. It must not raise.
        inspect: inspects a layer between two steps.
        refused: called with the reason why the loop was not paused where that was promised or a
            finding asked for it; likewise.

    Example:
        >>> control = Control(lambda action: Applied(lambda: None, action.text))
        >>> control.step(3)
        >>> control.gate.state.left
        3
    """

    def __init__(
        self,
        actuate: Callable[[Action], Applied],
        changed: Callable[[], None] = lambda: None,
        inspect: Callable[[str], None] = lambda _: None,
        refused: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.gate = Gate(self._perform, changed, refused)
        self.changes: tuple[Change, ...] = ()
        """Every change so far, in the order in which they were made."""
        self.refused = refused
        self._actuate = actuate
        self._inspect = inspect
        self._undo: dict[int, Callable[[], None]] = {}

    def pause(self, reason: str = "") -> None:
        """Pauses the loop at the end of the step that is running, or of the next one to run.

        Raises:
            ValueError: nobody could resume it; says what to do.
        """
        self._steer(Pause(reason))

    def resume(self) -> None:
        """Resumes it."""
        self._steer(Resume())

    def step(self, count: int = 1) -> None:
        """Runs ``count`` optimizer steps, then pauses.

        Raises:
            ValueError: ``count`` is below 1 or too large, or nobody could resume the loop.
        """
        self._steer(Step(count))

    def apply(self, remedy: Remedy) -> str:
        """Applies a remedy: at once while paused, else at the next pause point.

        Returns:
            What was done, or that it is pending.

        Raises:
            ValueError: it cannot be applied to a live loop; says why.
        """
        return self._await(self.submit(remedy))

    def undo(self, number: int | None = None) -> str:
        """Takes back a change, the latest in force if none is named; when, as with ``apply``.

        Raises:
            ValueError: there is no such change in force.
        """
        return self._await(self.gate.submit(Undo(number)))

    def submit(self, remedy: Remedy) -> Future[Answer]:
        """Hands a remedy in without waiting for its answer.

        Raises:
            ValueError: only an edit of the program can bring this remedy about.
        """
        if remedy.action is None:
            message = (
                f"{remedy.title!r} cannot be applied to a running loop: "
                "it takes the edit shown in its code"
            )
            raise ValueError(message)
        return self.gate.submit(Apply(parse_action(remedy.action)))

    def inspect(self, layer: str) -> Future[Answer]:
        """Inspects a layer: at once while paused, else at the next pause point."""
        return self.gate.submit(Inspect(layer))

    def close(self, reason: str = "") -> None:
        """Opens the gate for good, and forgets how to undo: that keeps weights of before.

        Args:
            reason: what is answered from then on, where there never was a loop to change.
        """
        self.gate.close(reason)
        self._undo.clear()

    def _steer(self, command: Pause | Resume | Step) -> None:
        answer = self.gate.submit(command).result()
        if not answer.ok and (not self.gate.closed or self.gate.state.reason):
            raise ValueError(answer.text)

    def _await(self, answer: Future[Answer]) -> str:
        # Only a paused loop is sure to answer, and not to its own thread: a running one may be in
        # its last step.
        gate = self.gate
        if not answer.done() and (gate.state.mode != "paused" or gate.is_paused_here):
            return PENDING
        try:
            outcome = answer.result(PATIENCE)
        except TookTooLong:
            return PENDING
        if not outcome.ok:
            raise ValueError(outcome.text)
        return outcome.text

    def _perform(self, command: Errand, step: int) -> str:
        if isinstance(command, Inspect):
            self._inspect(command.layer)
            return f"Inspected after step {step:,}."
        if isinstance(command, Undo):
            return self._take_back(command.number, step)
        applied = self._actuate(command.action)
        change = Change(len(self.changes) + 1, step, applied.text)
        self._undo[change.number] = applied.undo
        self.changes = (*self.changes, change)
        return f"After step {step:,}: {change.text}."

    def _take_back(self, number: int | None, step: int) -> str:
        if number is None:
            number = max(self._undo, default=None)
        if number not in self._undo:
            message = (
                "there is no change in force"
                if number is None
                else f"change {spelled(number)} is not in force"
            )
            raise ValueError(message)
        # Forgotten only once it is done: what fails can be tried again.
        self._undo[number]()
        del self._undo[number]
        self.changes = tuple(
            replace(change, undone_step=step) if change.number == number else change
            for change in self.changes
        )
        return f"After step {step:,}, taken back: {self.changes[number - 1].text}."
