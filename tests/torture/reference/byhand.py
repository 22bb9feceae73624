"""Remedies done by hand, by the lines that a user would write: the truth about those applied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

if TYPE_CHECKING:
    from tests.torture.run import Run


class Hand:
    """Does the remedies of a run around every step of an optimizer.

    Its hooks are registered before any of the loop, so that those see what they would without a
    remedy.
    """

    def __init__(self, run: Run, optimizer: Optimizer) -> None:
        self._run = run
        self._rates: list[tuple[dict[str, Any], Any]] = []
        self._gradients: list[tuple[Tensor, Tensor]] = []
        optimizer.register_step_pre_hook(self.before)
        optimizer.register_step_post_hook(self.after)

    def before(self, optimizer: Optimizer, *_: object) -> None:
        """Changes what the step will use."""
        actions = [one.action for one in self._run.applied if one.is_in_force(self._run.done)]
        for action in actions:
            if action["kind"] == "skip_nonfinite" and self._is_left_out(optimizer):
                return
        for action in actions:
            if action["kind"] == "scale_lr":
                self._scale(optimizer, action["factor"])
            elif action["kind"] == "clip":
                nn.utils.clip_grad_norm_(_parameters(optimizer), action["max_norm"])

    def after(self, *_: object) -> None:
        """Puts it back."""
        while self._rates:
            group, own = self._rates.pop()
            group["lr"] = own
        while self._gradients:
            parameter, gradient = self._gradients.pop()
            parameter.grad = gradient

    def _scale(self, optimizer: Optimizer, factor: float) -> None:
        for group in optimizer.param_groups:
            self._rates.append((group, group["lr"]))
            group["lr"] = group["lr"] * factor

    def _is_left_out(self, optimizer: Optimizer) -> bool:
        held = [(one, one.grad) for one in _parameters(optimizer) if one.grad is not None]
        if all(bool(_dense(gradient).isfinite().all()) for _, gradient in held):
            return False
        self._gradients = held
        for one, _ in held:
            one.grad = None
        return True


def _parameters(optimizer: Optimizer) -> Sequence[Tensor]:
    return [one for group in optimizer.param_groups for one in group["params"]]


def _dense(gradient: Tensor) -> Tensor:
    return gradient.to_dense() if gradient.layout is not torch.strided else gradient
