"""Which thread trains the model: what happens on any other is not its training.

Torch's hooks tell of every backward pass and every module of the process, on any thread. Reading a
gradient while the engine of another thread replaces it ends the process, so nothing of the model is
touched before it is known that a pass is its own.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from weakref import ref

from torch import Tensor

from gradwidget.capture.guard import Guard
from gradwidget.capture.model.most_nodes import most_nodes

NODES = 1_000
"""Nodes of a graph that are searched for a parameter of the model, nearest the loss first."""
STEPS = 3
"""Steps in a row on one other thread, with none on the known one, after which training is there."""


class TrainingThread:
    """Finds out which thread trains; the guard then ignores all others.

    A forward with gradients on is a first sign, a backward pass through the model's parameters or a
    step of their optimizer is proof. Training that moves to another thread is followed there once
    the old thread has ended, or trains no longer. Where the steps are handed around between threads
    (``asyncio.to_thread``, a pool), each that has stepped before may take over after a step.

    Args:
        guard: keeps the thread.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._known: Callable[[], threading.Thread | None] = _nothing
        """The thread whose number the guard keeps: numbers are used again, threads are not."""
        self._is_certain = False
        self._ran: int | None = None
        self._other: int | None = None
        self._steps = 0
        self._steppers: set[int] = set()
        """Other threads that have stepped the model."""
        self._rests = False
        """Whether the thread that trains has stepped, and done nothing since as far as seen."""

    def step_ended(self) -> None:
        """A step of the training is over."""
        self._rests = True

    def has_ended(self) -> bool:
        """Whether another thread may train now; no thread is then the known one.

        Asked on another thread: the one that trained no longer exists, or this one takes over.
        """
        thread = self._guard.thread
        if thread is None or (self._is_alive() and not self._may_take_over()):
            return False
        self._leave(thread)
        return True

    def forward_ran(self, *, is_training: bool) -> None:
        """A layer of the model has run on this thread.

        Args:
            is_training: whether gradients are on, and the output has a graph. Otherwise it is
                inference, with these weights or others in their place, or a part whose backward
                pass runs it again (reentrant checkpointing).
        """
        self._ran = threading.get_ident()
        self._rests = False
        if self._guard.thread is None and is_training:
            self._claim()

    def trains(self) -> None:
        """A backward pass on this thread has reached the model."""
        self._is_certain = True
        self._steps = 0

    def owns_pass(self, roots: Sequence[Tensor], number_of: Callable[[Tensor], int | None]) -> bool:
        """Whether a backward pass that begins on this thread can be one of the model.

        Args:
            roots: what it begins at.
            number_of: gives the number of a parameter of the model; None for any other tensor.
        """
        thread = self._guard.thread
        if thread == threading.get_ident():
            self._rests = False
            return True
        is_known = self._is_certain and thread is not None and self._is_alive()
        if is_known and not self._may_take_over():
            return False
        # The graph of a part that is recomputed ends where that part begins.
        may_be_recomputed = thread is None and self._ran == threading.get_ident()
        if not may_be_recomputed and not _leads_to(roots, number_of):
            return False
        self._move()
        return True

    def owns_step(self) -> bool:
        """Whether a step of an optimizer of the model, on this thread, is the model's training."""
        here, thread = threading.get_ident(), self._guard.thread
        if here == thread:
            self._is_certain, self._steps, self._rests = True, 0, False
            return True
        self._steppers.add(here)
        self._steps = self._steps + 1 if here == self._other else 1
        self._other = here
        if thread is None or not self._is_certain or self._steps >= STEPS or not self._is_alive():
            self._move()
            return True
        return False

    def _may_take_over(self) -> bool:
        return self._rests and threading.get_ident() in self._steppers

    def _leave(self, thread: int) -> None:
        # One on which only a forward was seen is none that steps.
        if self._is_certain:
            self._steppers.add(thread)
        self._guard.thread, self._is_certain = None, False

    def _move(self) -> None:
        if self._guard.thread is not None:
            self._leave(self._guard.thread)
        self._claim()
        self._is_certain, self._steps, self._rests = True, 0, False

    def _claim(self) -> None:
        here = threading.get_ident()
        # Not ``current_thread()``, which would make a thread known that Python did not start.
        thread = next((one for one in threading.enumerate() if one.ident == here), None)
        self._guard.thread = here
        self._known = _nothing if thread is None else ref(thread)

    def _is_alive(self) -> bool:
        thread = self._known()
        return thread is not None and thread.is_alive()


def _nothing() -> None:
    return None


def _leads_to(roots: Sequence[Tensor], number_of: Callable[[Tensor], int | None]) -> bool:
    """Whether the graph behind some tensors has one of the parameters near its beginning."""
    waiting = deque(root.grad_fn for root in roots if root.grad_fn is not None)
    seen = set(waiting)
    most = min(NODES, most_nodes())
    while waiting and len(seen) < most:
        node = waiting.popleft()
        # Only the nodes that accumulate gradients have a tensor of their own.
        leaf = getattr(node, "variable", None)
        if leaf is not None and number_of(leaf) is not None:
            return True
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                waiting.append(following)
    return False
