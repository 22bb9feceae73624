"""Control: what a person asks, brought to the gate, and what has been changed by it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gradwidget.action import Action, parse_action
from gradwidget.control.commands import Answer, Apply, Errand, Inspect, Pause, Resume, Step, Undo
from gradwidget.control.gate import Gate

if TYPE_CHECKING:
    from gradwidget.diagnose.finding import Remedy

PATIENCE = 60.0
"""Seconds that a call waits for a held loop to carry out a change; fresh weights of the largest
layers take a few."""


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
        actuate: carries an action out between two steps and gives a function that takes it back; a
            ``ValueError`` from it says why it cannot be done.
        changed: called on any thread when ``gate.state`` or ``changes`` is no longer what it was;
            keep it quick.
        inspect: looks into a layer between two steps.

    Example:
        >>> control = Control(lambda action: lambda: None)
        >>> control.step(3)
        >>> control.gate.state.left
        3
    """

    def __init__(
        self,
        actuate: Callable[[Action], Callable[[], None]],
        changed: Callable[[], None] = lambda: None,
        inspect: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.gate = Gate(self._perform, changed)
        self.changes: tuple[Change, ...] = ()
        """Every change so far, in the order in which they were made."""
        self._actuate = actuate
        self._inspect = inspect
        self._undo: dict[int, Callable[[], None]] = {}

    def pause(self, reason: str = "") -> None:
        """Holds the loop at the end of the step that is running, or of the next one to run."""
        self.gate.submit(Pause(reason))

    def resume(self) -> None:
        """Lets it run on."""
        self.gate.submit(Resume())

    def step(self, count: int = 1) -> None:
        """Runs ``count`` optimizer steps, then holds.

        Raises:
            ValueError: ``count`` is below 1.
        """
        self.gate.submit(Step(count))

    def apply(self, remedy: Remedy) -> str:
        """Applies a remedy: at once while paused, else at the next boundary between two steps.

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
            message = f"{remedy.title!r} cannot be applied to a running loop: it takes the edit shown in its code"
            raise ValueError(message)
        return self.gate.submit(Apply(parse_action(remedy.action)))

    def inspect(self, layer: str) -> Future[Answer]:
        """Looks into a layer: at once while paused, else at the next boundary between two steps."""
        return self.gate.submit(Inspect(layer))

    def close(self) -> None:
        """Opens the gate for good, and forgets how to undo: that keeps weights of before."""
        self.gate.close()
        self._undo.clear()

    def _await(self, answer: Future[Answer]) -> str:
        # Only a held loop is sure to answer: a running one may be in its last step, and this may be
        # its own thread.
        if self.gate.state.mode != "paused" and not answer.done():
            return "Pending: it is done at the next boundary between two steps."
        outcome = answer.result(PATIENCE)
        if not outcome.ok:
            raise ValueError(outcome.text)
        return outcome.text

    def _perform(self, command: Errand, step: int) -> str:
        if isinstance(command, Inspect):
            self._inspect(command.layer)
            return f"Looked at after step {step:,}."
        if isinstance(command, Undo):
            return self._take_back(command.number, step)
        undo = self._actuate(command.action)
        change = Change(len(self.changes) + 1, step, command.action.text)
        self.changes = (*self.changes, change)
        self._undo[change.number] = undo
        return f"After step {step:,}: {change.text}."

    def _take_back(self, number: int | None, step: int) -> str:
        if number is None:
            number = max(self._undo, default=None)
        if number not in self._undo:
            message = (
                "there is no change in force"
                if number is None
                else f"change {number} is not in force"
            )
            raise ValueError(message)
        self._undo.pop(number)()
        self.changes = tuple(
            replace(change, undone_step=step) if change.number == number else change
            for change in self.changes
        )
        return f"After step {step:,}, taken back: {self.changes[number - 1].text}."
