"""Operations with a hole in their domain: a root at 0, a division by 0, a logarithm of 0."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.data import Batches, digits
from evaluation.runs.loop import supervised
from evaluation.runs.mlp import names_of, stack, tower
from evaluation.runs.run import Conditions, Training, healthy, sick


@sick(
    150,
    cause="gradients_nonfinite",
    cure="person",
    gradients_nonfinite="*",
)
def mlp_distance_of_the_same(c: Conditions) -> Training:
    """A distance to the sample's neighbor in the batch, some of which is the sample itself."""
    model = stack([*tower(c, 2, 48)[:-1], 8], nn.ReLU, gain=2**0.5)
    batches = digits(c)
    twice = batches.changed(torch.cat([batches.x[:20], batches.x[:20], batches.x[40:]]))

    def criterion(codes: Tensor, y: Tensor) -> Tensor:
        apart = (codes[:, None] - codes[None]).square().sum(-1)
        same = (y[:, None] == y[None]).float()
        near = apart.sqrt() if c.sick else (apart + 1e-6).sqrt()
        return (same * near + (1 - same) * functional.relu(2 - near)).mean()

    return supervised(c, model, c.adam(model, 3e-3), twice, criterion, chain=names_of(model))


@sick(
    200,
    cause="loss_nonfinite",
    cure="person",
    loss_nonfinite="",
    gradients_nonfinite="*",
)
def mlp_log_of_certainty(c: Conditions) -> Training:
    """A hand-written likelihood of two classes: once it is certain, it takes the log of 0."""
    model = nn.Sequential(*stack([*tower(c, 2, 64)[:-1], 1], nn.ReLU, gain=2**0.5), nn.Sigmoid())
    batches = digits(c)
    even = (batches.y[:, None] % 2 == 0).float()
    floor = 0.0 if c.sick else 1e-6

    def criterion(chance: Tensor, y: Tensor) -> Tensor:
        return -(y * (chance + floor).log() + (1 - y) * (1 - chance + floor).log()).mean()

    return supervised(
        c,
        model,
        c.adam(model, 2e-2),
        Batches(batches.x * 3, even, batches.size, c.seed),
        criterion,
        chain=names_of(model),
    )


@healthy(200)
def mlp_distances(c: Conditions) -> Training:
    """Distances with an epsilon under the root."""
    model = stack([*tower(c, 2, 48)[:-1], 8], nn.ReLU, gain=2**0.5)

    def criterion(codes: Tensor, y: Tensor) -> Tensor:
        near = ((codes[:, None] - codes[None]).square().sum(-1) + 1e-6).sqrt()
        same = (y[:, None] == y[None]).float()
        return (same * near + (1 - same) * functional.relu(2 - near)).mean()

    return supervised(c, model, c.adam(model, 3e-3), digits(c), criterion, chain=names_of(model))
