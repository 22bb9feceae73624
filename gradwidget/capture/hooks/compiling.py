"""Keeps what torch.compile makes from ever seeing a hook of ours.

Compiled code depends on the number of torch's global module hooks: where it changes, the code is
compiled again, and after a few times not at all. So the hooks are removed while anything is
compiled, and are never registered again once it shows that the model, or a part of it, runs
compiled: it is then watched through its parameters and their gradients alone.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any
from weakref import ref

from torch import nn

from gradwidget.capture.guard import Guard
from gradwidget.capture.torch_private import compiler_events, has_compiled_wrapper, is_compiled


class Compiling:
    """Knows whether module hooks may be registered.

    Args:
        model: the model, held weakly.
        guard: contains failures.
        pause: removes the hooks.
        resume: registers them again where they are wanted.
    """

    def __init__(
        self, model: nn.Module, guard: Guard, pause: Callable[[], None], resume: Callable[[], None]
    ) -> None:
        self.forbids_hooks = any(
            is_compiled(module) for module in model.modules()
        ) or has_compiled_wrapper(model)
        """True from the moment on that module hooks would do harm."""
        self._model = ref(model)
        self._guard = guard
        self._pause = pause
        self._resume = resume
        self._events: Any = None
        self._is_forward = True
        self._compiled = False
        self._compiled_before = False

    def watch(self, *, wanted: bool) -> None:
        """A step begins. Listens to the compiler, which is needed while hooks are registered."""
        self._is_forward = True
        if self._events is not None:
            # One may be gone already: an interrupt can come after each, and all is done again then.
            with suppress(ValueError):
                self._events.remove_start_callback(self._begins)
            with suppress(ValueError):
                self._events.remove_end_callback(self._ended)
            self._events = None
        if wanted:
            self._events = compiler_events()
            if self._events is not None:
                self._events.register_start_callback(self._begins)
                self._events.register_end_callback(self._ended)

    def noted(self, module: nn.Module) -> None:
        """Torch is going to run ``module`` compiled."""
        model = self._model()
        if model is None or self.forbids_hooks:
            return
        concerned = any(part is module for part in model.modules()) or any(
            part is model for part in module.modules()
        )
        self.forbids_hooks = concerned

    def forward_ended(self, *, saw_layers: bool) -> None:
        """A backward pass begins: what is compiled later in this step is not the model.

        Args:
            saw_layers: whether any layer of the model was seen to run.
        """
        if self._compiled and (self._compiled_before or not saw_layers):
            # It was the model that was compiled, or it is compiled again because of our hooks.
            self.forbids_hooks = True
        self._compiled_before |= self._compiled
        self._compiled = self._is_forward = False

    def _begins(self, *_: object) -> None:
        self._compiled |= self._is_forward
        self._guard.run("making way for the compiler", self._pause)

    def _ended(self, *_: object) -> None:
        self._guard.run("making way for the compiler", self._resume)
