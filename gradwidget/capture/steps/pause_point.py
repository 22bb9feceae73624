"""The safe place between two steps: the first training forward of the model after an optimizer has
stepped.

Not the end of the step itself: an interrupt inside an optimizer's hook leaves a gradient scaler
    half-way, and the
loop cannot be run again. Nothing sits on the user's modules: torch's global hooks are there only
while somebody wants the loop to stop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol
from weakref import ref

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils.hooks import RemovableHandle

from gradwidget.capture.torch_private import in_backward, is_compiled, take_off


class Gatekeeper(Protocol):
    """Who decides whether the loop is held."""

    attention: bool
    """False while nobody wants anything; read at every step."""

    def step_done(self) -> bool:
        """A step has ended; True when the next boundary is to be crossed."""

    def cross(self, step: int) -> None:
        """The loop is at the boundary after ``step``; returns when it may go on. What this raises
        reaches the loop.
        """


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
        end_step: called before a forward of the model; ends a step that nothing else has shown to
            be over, which is so in loops without an optimizer.
        held: told the seconds that the loop was held, which are no training time.
    """

    def __init__(
        self,
        model: nn.Module,
        keeper: Gatekeeper,
        end_step: Callable[[], None],
        held: Callable[[float], None],
    ) -> None:
        self.batch: Batch | None = None
        """While the loop is held: the inputs of the last step; None where they were not seen."""
        self._model = ref(model)
        self._keeper = keeper
        self._end_step = end_step
        self._held = held
        self._due: int | None = None
        self._any_part = False
        self._thread = threading.get_ident()
        self._every_step = False
        self._inputs: tuple[tuple[Any, ...], Mapping[str, Any]] | None = None
        self._handles: list[RemovableHandle] = []

    def watch_every_step(self) -> None:
        """Keeps the inputs of every step until its end, for a pause that nobody can see coming."""
        self._every_step = True
        self._listen()

    @property
    def is_wanted(self) -> bool:
        """Whether somebody wants the loop to stop, now or soon."""
        return self._keeper.attention

    @property
    def is_due(self) -> bool:
        """Whether the loop is to be stopped before its next step."""
        return self._due is not None

    def step_ended(self, step: int, *, inside_forward: bool) -> None:
        """A step is over, on the training thread.

        Args:
            step: its number.
            inside_forward: the next step's forward has begun already, so only the one after it is a
                boundary.
        """
        inputs, self._inputs = self._inputs, None
        self._thread = threading.get_ident()
        if not self._keeper.attention:
            return
        if self._keeper.step_done():
            self._due = step
            self.batch = None if inputs is None else Batch(step, *inputs)
        self._any_part = not inside_forward
        self._listen()

    def close(self) -> None:
        """Takes the hooks off."""
        self._due = self._inputs = self.batch = None
        self._take_off()

    def _take_off(self) -> None:
        while self._handles:
            take_off(self._handles.pop())

    def _listen(self) -> None:
        if not self._handles:
            self._handles.append(register_module_forward_pre_hook(self._about_to_run))
            self._handles.append(register_module_forward_hook(self._has_run, with_kwargs=True))

    def _about_to_run(self, module: nn.Module, _inputs: object) -> None:
        if not self._is_training() or not self._is_boundary(module):
            return
        self._end_step()
        step, self._due = self._due, None
        if step is not None:
            began = perf_counter()
            try:
                self._keeper.cross(step)
            finally:
                self.batch = None
                self._held(perf_counter() - began)
        if not self._keeper.attention and not self._every_step:
            self.close()
        elif is_compiled(module):
            self._take_off()  # compiled code that meets a hook is compiled anew; the next step puts them on again

    def _has_run(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], _output: object
    ) -> None:
        if self._is_training() and module is self._model():
            self._inputs = args, kwargs

    def _is_training(self) -> bool:
        # Compiled code has no place to stop at; the call of the compiled module itself is seen
        # before it.
        return (
            not torch.compiler.is_compiling()
            and threading.get_ident() == self._thread
            and torch.is_grad_enabled()
            and not in_backward()  # where a forward is a recomputation
        )

    def _is_boundary(self, module: nn.Module) -> bool:
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
