"""Hooks of the user's, everywhere that torch has them: they are called as often as without us."""

# ruff: noqa: ARG002  # every extra has the same methods, and few use all that they are given
from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
)
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from tests.torture.extra import Extra, extra


class Counting(Extra):
    """Counts calls."""

    def prepare(self) -> None:
        self.calls: list[int] = [0]
        self.handles: list[Any] = []
        self.run.kept[f"calls of {self.name}"] = self.calls

    def count(self, *_: object, **__: object) -> None:
        """A hook."""
        self.calls[0] += 1

    def tidy(self) -> None:
        for handle in self.handles:
            handle.remove()


@extra
class GlobalHooks(Counting):
    """Global hooks on every module and optimizer."""

    without: ClassVar[tuple[str, ...]] = ("threads", "callbacks", "pages", "memory", "scale")

    def begin(self) -> None:
        self.handles = [
            register_module_forward_hook(self.count),
            register_module_forward_pre_hook(self.count),
            register_optimizer_step_pre_hook(self.count),
            register_optimizer_step_post_hook(self.count),
        ]

    def end(self) -> None:
        for handle in self.handles:
            handle.remove()


@extra
class FullBackwardHooks(Counting):
    """Hooks on the way back through each module."""

    models: ClassVar[tuple[str, ...] | None] = ("mlp", "residual", "dropped", "unused", "cells")

    def rebuild(self, model: nn.Module) -> nn.Module:
        for part in model.modules():
            if not list(part.children()):
                part.register_full_backward_hook(self.count)
        return model


@extra
class OutputGradientHooks(Counting):
    """Hooks on parameters that change the gradient."""

    def begin(self) -> None:
        for parameter in self.run.trainable:
            parameter.register_hook(self._half)

    def _half(self, gradient: Tensor) -> Tensor:
        self.count()
        return gradient / 2


@extra
class AccumulationHooks(Counting):
    """Hooks after a gradient was accumulated."""

    def begin(self) -> None:
        for parameter in self.run.trainable:
            parameter.register_post_accumulate_grad_hook(self.count)


@extra
class HooksOnSavedTensors(Counting):
    """Hooks on whatever autograd saves."""

    def around(self, step: int) -> Any:
        return torch.autograd.graph.saved_tensors_hooks(self._pack, lambda one: one)

    def _pack(self, tensor: Tensor) -> Tensor:
        self.count()
        return tensor


@extra
class GlobalBackwardHook(Counting):
    """A global hook on the way back through every module."""

    models: ClassVar[tuple[str, ...] | None] = ("mlp", "residual", "unused")
    without: ClassVar[tuple[str, ...]] = (
        *("threads", "callbacks", "pages", "memory", "scale"),
        *("jagged_output", "nested_layer", "jagged_in_old_layout", "sparse_output"),
    )

    def begin(self) -> None:
        self.handles = [register_module_full_backward_hook(self.count)]

    def end(self) -> None:
        self.tidy()
