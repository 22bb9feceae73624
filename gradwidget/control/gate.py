"""The gate between two optimizer steps: where a loop is paused, stepped and changed."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal
from weakref import WeakSet

from gradwidget.control.commands import (
    MOST_STEPS,
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
from gradwidget.control.resumers import Resumers

MOST_PENDING = 64
"""Changes that can wait for a pause point; more are refused, since a loop may never reach one."""

CHECK = 1.0
"""Seconds after which a paused loop checks again that somebody can resume it."""

CLOSED = "Nothing is watched any more."
FORKED = "Not paused: this process was forked from the one that is watched, and no page reaches it."

Mode = Literal["running", "stepping", "paused"]


@dataclass(frozen=True, slots=True)
class GateState:
    """Whether the loop runs."""

    mode: Mode = "running"
    """``"stepping"`` runs ``left`` more steps, then pauses; a pause that was asked for is stepping
    with one left."""

    left: int = 0
    """Steps to go before it pauses; 0 unless stepping."""

    step: int | None = None
    """While paused: the last step that was done."""

    reason: str = ""
    """Why it is paused or is about to be, where it was not a person who asked."""


class Gate:
    """Where the training thread, which passes after each step, meets those that submit commands.

    The training thread calls ``step_done`` after each optimizer step and, where that says so,
    ``cross`` at the next pause point. There it carries out what is in the inbox and waits, without
    using the processor, while it is to be paused: as long as ``resumers`` knows somebody who could
    resume it. An interrupt ends the wait and the pause. After a fork the child is never paused.

    Args:
        perform: carries out an errand on the training thread after the given step and says what was
            done; a ``ValueError`` from it says why it could not be.
        changed: called on any thread, outside the lock, whenever ``state`` has changed; it must not
            raise.
        refused: called on the training thread with the reason why it was not paused; likewise.

    Example:
        >>> gate = Gate(lambda command, step: "done")
        >>> gate.submit(Step()).result().text
        'Pauses after 1 more step.'
        >>> gate.step_done()  # after optimizer.step(): is the next pause point to be crossed?
        True
    """

    def __init__(
        self,
        perform: Callable[[Errand, int], str],
        changed: Callable[[], None] = lambda: None,
        refused: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.attention = False
        """False while nothing is asked for; read without the lock, so that a free step costs next
        to nothing."""
        self.state = GateState()
        self.resumers = Resumers()
        """Who could resume the loop; it is paused for nobody else."""
        self._perform = perform
        self._changed = changed
        self._refused = refused
        self._condition = threading.Condition()
        self._inbox: deque[tuple[Errand, Future[Answer]]] = deque()
        self._left: int | None = None  # steps to go before it pauses: 0 pauses, None runs freely
        self._reason = ""
        self._paused_after: int | None = None
        self._trains: int | None = None  # the thread that does
        self._patient_until = 0.0
        self._refusal: str | None = None  # why a pause was dropped, until that is told
        self._fault: Exception | None = None
        self._closed = False
        self._why_closed = ""
        self._forked = False
        _gates.add(self)

    @property
    def closed(self) -> bool:
        """True once commands are refused for good."""
        return self._closed

    @property
    def is_paused_here(self) -> bool:
        """Whether the loop is paused on this thread, which therefore must not wait for it."""
        return self.state.mode == "paused" and self._trains == threading.get_ident()

    def submit(self, command: Command) -> Future[Answer]:
        """Hands in a command from any thread; never waits for the loop.

        Pausing, resuming and stepping are answered at once; a change is answered when it has been
        carried out. Until then it can be cancelled.
        """
        answer: Future[Answer] = Future()
        self.resumers.asked()
        with self._condition:
            refusal = self._why_refused(command)
            if refusal is not None:
                answer.set_result(Answer(ok=False, text=refusal))
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
        """Counts a step, on the training thread.

        Returns:
            Whether the pause point behind it is to be crossed.
        """
        # Known before anything is asked for: a pause that nobody could end is refused at once.
        self._trains = threading.get_ident()
        if not self.attention:
            return False
        with self._condition:
            if self._left:
                self._left -= 1
                self._settle()
            return self._left == 0 or bool(self._inbox) or self._fault is not None

    def fail(self, fault: Exception) -> None:
        """Raises ``fault`` in the loop at the next pause point; the first one counts."""
        with self._condition:
            self._fault = self._fault or fault
            self._settle()

    def take_fault(self) -> Exception | None:
        """The fault that no pause point has raised yet; after that there is none."""
        with self._condition:
            fault, self._fault = self._fault, None
            self._settle()
        return fault

    def cross(self, step: int) -> Exception | None:
        """Carries out pending changes and pauses as long as asked to, on the training thread.

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
        try:
            self._arrive(step)
            self._changed()
            while self._next_change(step):
                self._changed()
        except BaseException:
            # Interrupted: the cell ends as it would anywhere else, and the next run is not paused
            # by an old request.
            with self._condition:
                self._left = None
            raise
        finally:
            with self._condition:
                self._paused_after = None
                refusal, self._refusal = self._refusal, None
                self._settle()
            if refusal is not None:
                self._refused(refusal)
            self._changed()
        return None

    def close(self, reason: str = "") -> None:
        """Opens the gate for good and answers what is pending; closing twice does nothing.

        Args:
            reason: what is answered from then on, where there never was a loop to pause.
        """
        with self._condition:
            self._closed = True
            self._why_closed = reason
            self._left = None
            pending = list(self._inbox)
            self._inbox.clear()
            self._settle()
            self._condition.notify_all()
        for _, answer in pending:
            if answer.set_running_or_notify_cancel():
                answer.set_result(Answer(ok=False, text=CLOSED))
        self._changed()

    def start_over_in_child(self) -> None:
        """After a fork: forgets the requests and the lock of the parent, and never pauses."""
        self._condition = threading.Condition()
        self._inbox.clear()
        self._left = self._paused_after = None
        self._forked = True
        self._settle()

    def _why_refused(self, command: Command) -> str | None:  # noqa: PLR0911  # one reason a line
        if self._closed:
            return self._why_closed or CLOSED
        if isinstance(command, Resume):
            return None
        if isinstance(command, Pause | Step):
            if self._forked:
                return FORKED
            # Before the first step, for what adds to a request that was granted, and while a page
            # may be opening, the pause point decides.
            if self._trains is None or self._left is not None or self.resumers.patience:
                return None
            return self.resumers.refusal(self._trains)
        if len(self._inbox) >= MOST_PENDING:
            self._inbox = deque(one for one in self._inbox if not one[1].cancelled())
        if len(self._inbox) >= MOST_PENDING:
            return f"{MOST_PENDING} changes wait for the next training step already."
        return None

    def _steer(self, command: Pause | Resume | Step) -> str:
        if isinstance(command, Resume):
            self._left = None
            return "Runs."
        if isinstance(command, Step):
            self._left = min(command.count + (self._left or 0), MOST_STEPS)
            self._reason = ""
            return f"Pauses after {self._left:,} more step{'s' * (self._left > 1)}."
        self._reason = command.reason or self._reason
        if self._left == 0:
            return "Paused."
        # Never fewer than one: a step that was promised and is not yet begun is not lost to the
        # pause behind it.
        self._left = 1
        return "Pauses at the end of this step."

    def _arrive(self, step: int) -> None:
        with self._condition:
            self._trains = threading.get_ident()
            self._patient_until = time.monotonic() + self.resumers.patience
            # Asked before anybody is told of a pause: one that is refused is never seen.
            self._drop_if_stranded()
            self._paused_after = step
            self._settle()

    def _next_change(self, step: int) -> bool:
        """Waits for a change to carry out and does it; False once the loop is to run on."""
        with self._condition:
            while not self._inbox:
                self._drop_if_stranded()
                if self._left != 0:
                    return False
                self._condition.wait(CHECK)
            command, answer = self._inbox.popleft()
            self._settle()
        if not answer.set_running_or_notify_cancel():
            return True
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

    def _drop_if_stranded(self) -> None:
        """Has the loop run on where nobody could resume it; called with the lock held."""
        refusal = None if self._trains is None else self.resumers.refusal(self._trains)
        if self._left != 0 or refusal is None or time.monotonic() < self._patient_until:
            return
        self.resumers.give_up_on_page()
        self._left, self._refusal = None, refusal
        self._settle()

    def _settle(self) -> None:
        """Brings what others read without the lock up to date; called with the lock held."""
        self.attention = self._left is not None or bool(self._inbox) or self._fault is not None
        if self._left is None:
            self._reason = ""
            self.state = GateState(reason=self._why_closed)
        elif self._left == 0 and self._paused_after is not None:
            self.state = GateState("paused", 0, self._paused_after, self._reason)
        else:
            self.state = GateState("stepping", self._left, None, self._reason)


_gates: WeakSet[Gate] = WeakSet()


def _forked() -> None:
    for gate in list(_gates):
        gate.start_over_in_child()


if hasattr(os, "register_at_fork"):  # where there is fork
    os.register_at_fork(after_in_child=_forked)
