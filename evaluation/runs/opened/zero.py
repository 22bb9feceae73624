"""Gradients that are exactly 0, since the loss does not depend on the output any more."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.causes.zero import amounts
from evaluation.runs.cnn import chain_of, convolutions
from evaluation.runs.data import Batches, digits, images
from evaluation.runs.loop import fill, supervised
from evaluation.runs.mlp import linears, names_of, stack, tower
from evaluation.runs.run import Conditions, Training, healthy, sick


@sick(150, cause=("zero_gradient", "saturated"), zero_gradient="*")
def mlp_sigmoid_at_one(c: Conditions) -> Training:
    """The sigmoid on the output starts so far out that it is 1 to the last bit."""
    model = stack([*tower(c, 2, 48)[:-1], 1], nn.ReLU, gain=2**0.5)
    if c.sick:
        fill(60.0, linears(model)[-1].bias)
    model = nn.Sequential(*model, nn.Sigmoid())
    batches = digits(c)
    even = (batches.y[:, None] % 2 == 0).float()
    return supervised(
        c,
        model,
        c.adam(model, 3e-3),
        Batches(batches.x, even, batches.size, c.seed),
        functional.mse_loss,
        chain=names_of(model),
    )


@sick(120, cause="zero_gradient", cure="person", zero_gradient="*")
def cnn_output_clamped(c: Conditions) -> Training:
    """The output is clamped to what targets can be, in training as well; it starts outside."""
    model = convolutions(c, 3, 12)
    head = linears(model)[-1]
    fill(12.0, head.bias)

    def criterion(output: Tensor, y: Tensor) -> Tensor:
        first = output[:, :1]
        if c.sick and torch.is_grad_enabled():
            first = first.clamp(0, 9)
        return functional.mse_loss(first, y[:, None].float())

    return supervised(c, model, c.adam(model, 5e-3), images(c), criterion, chain=chain_of(model))


@healthy(150)
def mlp_hinge(c: Conditions) -> Training:
    """A hinge loss: samples that are right by a margin have a gradient of exactly 0."""
    model = stack(tower(c, 2, 48), nn.ReLU, gain=2**0.5)
    return supervised(
        c,
        model,
        c.adam(model, 2e-3),
        digits(c),
        functional.multi_margin_loss,
        chain=names_of(model),
    )


@healthy(150)
def mlp_amounts(c: Conditions) -> Training:
    """Plain regression of numbers around 20 with unit spread."""
    model = stack([*tower(c, 2, 48)[:-1], 1], nn.ReLU, gain=2**0.5)
    batches = amounts(c, 5.0)
    return supervised(
        c, model, c.adam(model, 5e-3), batches, functional.mse_loss, chain=names_of(model)
    )
