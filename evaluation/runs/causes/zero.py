"""Gradients that are exactly 0, since the loss does not depend on the output any more."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.data import Batches, digits
from evaluation.runs.loop import fill, supervised
from evaluation.runs.mlp import linears, names_of, stack, tower
from evaluation.runs.run import Conditions, Training, healthy, sick


def amounts(c: Conditions, offset: float = 0.0, slope: float = 1.0) -> Batches:
    """Pictures of digits with a number each: the digit, centered, times a slope, plus an offset."""
    batches = digits(c)
    y = (batches.y[:, None].float() - 4.5) / 3 * slope + offset
    return Batches(batches.x, y, batches.size, c.seed)


@sick(150, cause="zero_gradient", cure="person", zero_gradient="*")
def mlp_error_clamped(c: Conditions) -> Training:
    """Errors are clamped to one before they are squared, and all of them are larger than that."""
    model = stack([*tower(c, 2, 48)[:-1], 1], nn.ReLU, gain=2**0.5)

    def criterion(output: Tensor, y: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            return functional.mse_loss(output, y)
        if c.sick:
            return (output - y).clamp(-1, 1).square().mean()
        return functional.smooth_l1_loss(output, y)

    batches = amounts(c, -10.0, 0.3)
    return supervised(c, model, c.adam(model, 3e-3), batches, criterion, chain=names_of(model))


@sick(150, cause=("zero_gradient", "dead_relu", "double_softmax"), cure="person", zero_gradient="*")
def mlp_relu_on_output(c: Conditions) -> Training:
    """A ReLU on an output that is to be negative: it is 0 for every input, and stays there."""
    model = stack([*tower(c, 2, 48)[:-1], 1], nn.ReLU, gain=2**0.5)
    fill(-6.0, linears(model)[-1].bias)
    if c.sick:
        model = nn.Sequential(*model, nn.ReLU())
    batches = amounts(c, -4.0, 0.5)
    return supervised(
        c, model, c.adam(model, 3e-3), batches, functional.mse_loss, chain=names_of(model)
    )


@healthy(180)
def mlp_error_clipped_softly(c: Conditions) -> Training:
    """Huber's loss with errors beyond its bend at first: every gradient has one size."""
    model = stack([*tower(c, 2, 48)[:-1], 1], nn.ReLU, gain=2**0.5)
    batches = amounts(c, -3.0)
    return supervised(
        c, model, c.adam(model, 5e-3), batches, functional.smooth_l1_loss, chain=names_of(model)
    )
