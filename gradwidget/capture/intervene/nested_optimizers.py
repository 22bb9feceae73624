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
        if running:
            # A step that raised has not told its end. This optimizer's own cannot be still running,
            # and of others the stack tells.
            self.step_ended(optimizer)
            while running and not _is_running(running[-1]()):
                running.pop()
            outer = running[-1]() if running else None
            if outer is not None and outer is not optimizer:
                self._inside.setdefault(outer, WeakSet()).add(optimizer)
        running.append(ref(optimizer))

    def step_ended(self, optimizer: Optimizer) -> None:
        """It has stepped."""
        running = self._running.steps
        for place, known in enumerate(running):
            if known() is optimizer:
                del running[place:]
                return

    def is_covered(self, optimizer: Optimizer) -> bool:
        """Whether its step is part of a running one, of an optimizer with the same parameters."""
        running = (known() for known in self._running.steps[:-1])
        around = {
            id(parameter)
            for outer in running
            if outer is not None
            for group in outer.param_groups
            for parameter in group["params"]
        }
        return bool(around) and all(
            id(parameter) in around
            for group in optimizer.param_groups
            for parameter in group["params"]
        )

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
