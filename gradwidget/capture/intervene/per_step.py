"""What can be in force at every step of an optimizer: each acts before the step and puts things
back after it.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim import Optimizer

from gradwidget.capture.model.readable import plain


class StepIntervention(Protocol):
    """A change of what a step does that lasts until it is taken back."""

    doing: str
    """What it does, as a problem's report says it."""

    def before_step(self, optimizer: Optimizer) -> None:
        """The optimizer is about to step; its gradients are those of the loop."""

    def after_step(self, optimizer: Optimizer) -> None:
        """It has stepped."""


class Clipping:
    """Scales the gradients of an optimizer to a total norm of at most ``max_norm`` (arXiv
    1211.5063).
    """

    doing = "clipping the gradient"

    def __init__(self, max_norm: float) -> None:
        self._max_norm = max_norm

    def before_step(self, optimizer: Optimizer) -> None:
        """Clips in place, as ``clip_grad_norm_`` in the loop would."""
        # A fused optimizer under a gradient scaler gets scaled gradients and divides them itself:
        # so does the bound.
        scale = getattr(optimizer, "grad_scale", None)
        bound = self._max_norm if scale is None else self._max_norm * float(scale)
        torch.nn.utils.clip_grad_norm_(_trained(optimizer), bound)

    def after_step(self, optimizer: Optimizer) -> None:
        """Nothing to put back: gradients stay clipped, as after a loop that clips."""


class ScaledRate:
    """Multiplies the learning rate for the length of the step, so that whatever sets it otherwise
    goes on as it was.
    """

    doing = "scaling the learning rate"

    def __init__(self, factor: float, group: int | None) -> None:
        self._factor = factor
        self._group = group
        self._own: list[tuple[dict[str, Any], Any, Any]] = []  # group, its own rate, the scaled one

    def before_step(self, optimizer: Optimizer) -> None:
        """Scales the rates."""
        self.after_step(optimizer)  # of a step that raised half-way: its end was never told
        for number, group in enumerate(optimizer.param_groups):
            if self._group in (None, number) and "lr" in group:
                own = group["lr"]
                group["lr"] = own * self._factor
                self._own.append((group, own, group["lr"]))

    def after_step(self, optimizer: Optimizer) -> None:
        """Puts back each rate that nobody has set in the meantime."""
        del optimizer
        while self._own:
            group, own, scaled = self._own.pop()
            if group["lr"] is scaled:
                group["lr"] = own


class Skipping:
    """Leaves out a step when any entry of its gradients is NaN or infinite: hides them, so that
    nothing changes.

    Reads one figure a step from the device, which waits for it.
    """

    doing = "skipping steps that are not finite"

    def __init__(self) -> None:
        self._hidden: list[tuple[Tensor, Tensor]] = []

    def leaves_out(self, optimizer: Optimizer) -> bool:
        """Whether the step that is about to begin would do harm."""
        return not _all_finite(
            [parameter.grad for parameter in _trained(optimizer) if parameter.grad is not None]
        )

    def withhold(self, optimizer: Optimizer) -> None:
        """Takes the gradients away."""
        for parameter in _trained(optimizer):
            if parameter.grad is not None:
                self._hidden.append((parameter, parameter.grad))
                parameter.grad = None

    def put_back(self) -> None:
        """Gives them back, for whatever the loop does with them."""
        while self._hidden:
            parameter, gradient = self._hidden.pop()
            if parameter.grad is None:
                parameter.grad = gradient


def _trained(optimizer: Optimizer) -> list[Tensor]:
    return [
        parameter
        for group in optimizer.param_groups
        for parameter in group["params"]
        if parameter.grad is not None
    ]


def _all_finite(gradients: list[Tensor]) -> bool:
    peaks = [plain(gradient).abs().amax().float() for gradient in gradients if gradient.numel()]
    if not peaks:
        return True
    return bool(torch.stack([peak.to(peaks[0].device) for peak in peaks]).isfinite().all())
