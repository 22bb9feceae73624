"""Optimizers inside optimizers: a wrapper's step calls the step of the one that it wraps."""

from __future__ import annotations

import sys
import threading
from types import FrameType
from weakref import ReferenceType, WeakKeyDictionary, WeakSet, ref

from torch.optim import Optimizer


class Nesting:
    """Learns from the order of steps which optimizers step others.

    Example:
        >>> import torch
        >>> nesting, optimizer = Nesting(), torch.optim.SGD([torch.ones(1)], lr=0.1)
        >>> nesting.step_begins(optimizer)
        >>> nesting.step_ended(optimizer)
        >>> nesting.inside(optimizer)
        []
    """

    def __init__(self) -> None:
        self._inside: WeakKeyDictionary[Optimizer, WeakSet[Optimizer]] = WeakKeyDictionary()
        self._running = _Running()

    def step_begins(self, optimizer: Optimizer) -> None:
        """An optimizer is about to step."""
        running = self._running.steps
        # A step that raised has not told its end: what is on the stack counts, where there is one.
        while running and not _is_running(running[-1]()):
            running.pop()
        outer = running[-1]() if running else None
        if outer is not None and outer is not optimizer:
            self._inside.setdefault(outer, WeakSet()).add(optimizer)
        running.append(ref(optimizer))

    def step_ended(self, optimizer: Optimizer) -> None:
        """It has stepped."""
        running = self._running.steps
        while running and running.pop()() is not optimizer:
            pass

    def inside(self, optimizer: Optimizer) -> list[Optimizer]:
        """Those that were seen to step within a step of this one."""
        return list(self._inside.get(optimizer, ()))


class _Running(threading.local):
    def __init__(self) -> None:
        self.steps: list[ReferenceType[Optimizer]] = []
        """Optimizers whose step is under way on this thread, the outermost first."""


def _is_running(optimizer: Optimizer | None) -> bool:
    frame: FrameType | None = sys._getframe()  # noqa: SLF001  # the documented way to one's own stack
    while frame is not None and optimizer is not None:
        if frame.f_code.co_name != "_is_running" and frame.f_locals.get("self") is optimizer:
            return True
        frame = frame.f_back
    return False
