"""The gate between two optimizer steps: where a loop is held, let through step by step, and
changed.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal

from gradwidget.control.commands import (
    Answer,
    Apply,
    Command,
    Errand,
    Inspect,
    Pause,
    Resume,
    Step,
    Undo,
)

Mode = Literal["running", "stepping", "paused"]


@dataclass(frozen=True, slots=True)
class GateState:
    """How things stand at the gate."""

    mode: Mode = "running"
    """``"stepping"`` runs ``left`` more steps, then holds; a pause that was asked for is stepping
    with one left."""

    left: int = 0
    """Steps to go before it holds; 0 unless stepping."""

    step: int | None = None
    """While paused: the last step that was done."""

    reason: str = ""
    """Why it holds or is about to, where it was not a person who asked."""


class Gate:
    """Two sides meet here: the training thread passes after each step, any other thread submits
    commands.

    The training thread calls ``step_done`` after each optimizer step and, where that says so,
    ``cross`` at the next safe place before the following step. There it carries out what is in the
    inbox and waits, without using the processor, while it is to hold. An interrupt ends the wait
    and the hold.

    Args:
        perform: carries out an errand on the training thread after the given step and says what was
            done; a ``ValueError`` from it says why it could not be.
        changed: called on any thread, outside the lock, whenever ``state`` has changed; keep it
            quick.

    Example:
        >>> gate = Gate(lambda command, step: "done")
        >>> gate.submit(Step()).result().text
        'Holds after 1 more step.'
        >>> gate.step_done()  # after optimizer.step(): is the next boundary to be stopped at?
        True
    """

    def __init__(
        self,
        perform: Callable[[Errand, int], str],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.attention = False
        """False while nothing is asked for; read without the lock, so that a free step costs next
        to nothing."""
        self.state = GateState()
        self._perform = perform
        self._changed = changed
        self._condition = threading.Condition()
        self._inbox: deque[tuple[Errand, Future[Answer]]] = deque()
        self._left: int | None = None  # steps to go before it holds: 0 holds, None runs freely
        self._reason = ""
        self._held_after: int | None = None
        self._fault: Exception | None = None
        self._closed = False

    def submit(self, command: Command) -> Future[Answer]:
        """Hands in a command from any thread; never waits for the loop.

        Pausing, resuming and stepping are answered at once; a change is answered when it has been
        carried out.
        """
        answer: Future[Answer] = Future()
        with self._condition:
            if self._closed:
                answer.set_result(Answer(ok=False, text="Nothing is watched any more."))
                return answer
            if isinstance(command, Apply | Undo | Inspect):
                self._inbox.append((command, answer))
            else:
                answer.set_result(Answer(ok=True, text=self._steer(command)))
            self._settle()
            self._condition.notify_all()
        self._changed()
        return answer

    def step_done(self) -> bool:
        """Counts a step, on the training thread; True when the boundary that follows must be
        crossed.
        """
        if not self.attention:
            return False
        with self._condition:
            if self._left:
                self._left -= 1
                self._settle()
            return self._left == 0 or bool(self._inbox) or self._fault is not None

    def fail(self, fault: Exception) -> None:
        """Raises ``fault`` in the loop at the next boundary; the first one counts."""
        with self._condition:
            self._fault = self._fault or fault
            self._settle()

    def take_fault(self) -> Exception | None:
        """The fault that no boundary has raised yet; after that there is none."""
        with self._condition:
            fault, self._fault = self._fault, None
            self._settle()
        return fault

    def cross(self, step: int) -> Exception | None:
        """Carries out pending changes and holds as long as asked to, on the training thread.

        Args:
            step: the last step that was done.

        Returns:
            The exception that ``fail`` was given, to be raised in the loop; else None.

        Raises:
            KeyboardInterrupt: the wait was interrupted; the gate then stands open.
        """
        fault = self.take_fault()
        if fault is not None:
            return fault
        with self._condition:
            self._held_after = step
            self._settle()
        self._changed()
        try:
            while self._next_change(step):
                self._changed()
        except BaseException:
            # Interrupted: the cell ends as it would anywhere else, and the next run is not held by
            # an old request.
            with self._condition:
                self._left = None
            raise
        finally:
            with self._condition:
                self._held_after = None
                self._settle()
            self._changed()
        return None

    def close(self) -> None:
        """Opens the gate for good and answers what is pending; closing twice does nothing."""
        with self._condition:
            self._closed = True
            self._left = None
            pending = list(self._inbox)
            self._inbox.clear()
            self._settle()
            self._condition.notify_all()
        for _, answer in pending:
            answer.set_result(Answer(ok=False, text="Nothing is watched any more."))
        self._changed()

    def _steer(self, command: Pause | Resume | Step) -> str:
        if isinstance(command, Resume):
            self._left = None
            return "Runs."
        if isinstance(command, Step):
            self._left = command.count + (self._left or 0)
            self._reason = ""
            return f"Holds after {self._left} more step{'s' * (self._left > 1)}."
        self._reason = command.reason or self._reason
        if self._left == 0:
            return "Holds."
        # Never fewer than one: a step that was promised and is not yet begun is not lost to the
        # pause behind it.
        self._left = 1
        return "Holds at the end of this step."

    def _next_change(self, step: int) -> bool:
        """Waits for a change to carry out and does it; False once the loop may go on."""
        with self._condition:
            while not self._inbox:
                if self._left != 0:
                    return False
                self._condition.wait()
            command, answer = self._inbox.popleft()
            self._settle()
        # Outside the lock: fresh weights for a large layer take a while, and commands may come in
        # meanwhile.
        try:
            outcome = Answer(ok=True, text=self._perform(command, step))
        except ValueError as error:
            outcome = Answer(ok=False, text=str(error))
        except BaseException as error:
            answer.set_result(Answer(ok=False, text=f"Failed: {type(error).__name__}: {error}"))
            if not isinstance(error, Exception):
                raise
            return True
        answer.set_result(outcome)
        return True

    def _settle(self) -> None:
        """Brings what others read without the lock up to date; called with the lock held."""
        self.attention = self._left is not None or bool(self._inbox) or self._fault is not None
        if self._left is None:
            self._reason = ""
            self.state = GateState()
        elif self._left == 0 and self._held_after is not None:
            self.state = GateState("paused", 0, self._held_after, self._reason)
        else:
            self.state = GateState("stepping", self._left, None, self._reason)
