"""Where the loop can be paused: at the first training forward of the model after a step.

Not at the end of the step itself: an interrupt inside an optimizer's hook leaves a gradient scaler
half-way, and the loop cannot be run again. Nothing is registered on the user's modules: torch's
global hooks are there only while somebody wants the loop to stop.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol
from weakref import ref

import torch
from torch import nn

from gradwidget.capture.guard import Guard, entry
from gradwidget.capture.hooks.forward import is_training_forward
from gradwidget.capture.hooks.global_hook import Args, GlobalHook, GlobalPreHook, Kwargs
from gradwidget.capture.torch_private import in_transform, is_compiled

PAUSING = "pausing the loop"


class Gatekeeper(Protocol):
    """Who decides whether the loop is paused."""

    attention: bool
    """False while nobody wants anything; read at every step."""

    def step_done(self) -> bool:
        """Called after every step; True when the loop is to stop at the next pause point."""

    def cross(self, step: int) -> Exception | None:
        """The loop is at the pause point after ``step``; returns when it may continue.

        Returns:
            What is to be raised in the loop; None for nothing.
        """


class Pausable(Protocol):
    """The loop that is paused."""

    def thread_has_ended(self) -> bool:
        """Whether another thread than the one that trained may train now; asked on that thread."""

    def end_manual_step(self, *, inside_forward: bool) -> None:
        """A forward is about to run: ends a step that nothing else has shown to be over."""

    def was_paused(self, seconds: float) -> None:
        """The loop continues after so long, which was no training time."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What the model was last called with in a step."""

    step: int
    args: tuple[Any, ...]
    """Positional arguments of the forward, as the loop gave them."""

    kwargs: Mapping[str, Any]
    """Keyword arguments."""


class PausePoint:
    """Brings the training thread to the gatekeeper between two steps.

    Args:
        model: the model, held weakly.
        keeper: decides.
        guard: contains failures, and knows the thread that trains.
    """

    def __init__(self, model: nn.Module, keeper: Gatekeeper, guard: Guard) -> None:
        self.batch: Batch | None = None
        """While the loop is paused: the inputs of the last step; None where they were not seen."""
        self.guard = guard
        self._model = ref(model)
        self._keeper = keeper
        self._loop: Pausable | None = None
        self._due: int | None = None
        self._any_part = False
        self._every_step = False
        self._begun: set[int] = set()
        """Threads that began a forward since the last step, and were not known to train."""
        self._inputs: tuple[Args, Kwargs] | None = None
        self._before = GlobalPreHook(guard, PAUSING, self._about_to_run)
        self._after = GlobalHook(guard, "keeping the inputs of a step", self._has_run)

    def watch_every_step(self) -> None:
        """Keeps the inputs of every step until its end, for a pause that nobody can see coming."""
        self._every_step = True
        self._register()

    @property
    def is_due(self) -> bool:
        """Whether the loop is to be stopped before its next step."""
        return self._due is not None

    def step_ended(self, loop: Pausable, step: int, *, inside_forward: bool) -> bool:
        """A step is over, on the training thread.

        Args:
            loop: whose step it was.
            step: its number.
            inside_forward: the next step's forward has begun already, so only the one after it is a
                pause point.

        Returns:
            Whether somebody wants the loop to stop, now or soon.
        """
        self._loop = loop
        inputs, self._inputs = self._inputs, None
        self._begun.clear()
        is_due = self._keeper.step_done()
        if not (is_due or self._keeper.attention):
            return False
        if is_due:
            self._due = step
            self.batch = None if inputs is None else Batch(step, *inputs)
        self._any_part = not inside_forward
        self._register()
        return self._keeper.attention

    def close(self) -> None:
        """Removes the hooks."""
        self._due = self._inputs = self.batch = self._loop = None
        self._remove()

    def _register(self) -> None:
        self._before.register()
        self._after.register()

    def _remove(self) -> None:
        self._before.remove()
        self._after.remove()

    def _about_to_run(self, module: nn.Module, _args: Args) -> Exception | None:
        if not _is_forward() or not self._is_pause_point(module) or self._is_under_way():
            return None
        self._end_step()
        step, self._due = self._due, None
        wanted = None if step is None else self._cross(step)
        if not self._keeper.attention and not self._every_step:
            self.close()
        elif is_compiled(module):
            # Compiled code that meets a hook is compiled again; the next step registers them.
            self._remove()
        return wanted

    def _cross(self, step: int) -> Exception | None:
        loop, began = self._loop, perf_counter()
        try:
            return self.guard.run(PAUSING, self._keeper.cross, step)
        finally:
            self.batch = None
            if loop is not None:
                loop.was_paused(perf_counter() - began)

    @entry("noting the end of a step")
    def _end_step(self) -> None:
        if self._loop is not None:
            self._loop.end_manual_step(inside_forward=False)

    def _has_run(self, module: nn.Module, args: Args, kwargs: Kwargs, _output: object) -> None:
        if _is_forward() and not self.guard.is_elsewhere and module is self._model():
            self._inputs = args, kwargs

    def _is_under_way(self) -> bool:
        """Whether this is another thread's forward, or the later part of one that was."""
        loop, here = self._loop, threading.get_ident()
        if self.guard.is_elsewhere and not (loop is not None and loop.thread_has_ended()):
            # Should it turn out to be the training, its weights must not change half-way.
            self._begun.add(here)
        return here in self._begun

    def _is_pause_point(self, module: nn.Module) -> bool:
        model = self._model()
        if model is None:
            return False
        if module is model or any(part is model for part in module.modules()):
            return True
        # Right after an optimizer's step any part of the model will do: it may never be called as a
        # whole.
        return (
            self._due is not None
            and self._any_part
            and any(part is module for part in model.modules())
        )


def _is_forward() -> bool:
    # Compiled code has no place to stop at; the call of the compiled module itself is seen before
    # it. Inside a transform nothing of the model could be read or changed meanwhile.
    return not (torch.compiler.is_compiling() or in_transform()) and is_training_forward()
