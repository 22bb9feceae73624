"""Operations with a hole in their domain: a division by 0, a root at 0."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.data import Batches, digits
from evaluation.runs.loop import Criterion, supervised
from evaluation.runs.mlp import stack
from evaluation.runs.run import Conditions, Training, healthy, sick


def _lines(c: Conditions) -> Batches:
    """Noisy pictures with a bright row, which some of them lack, and that row as their mask."""
    generator = torch.Generator().manual_seed(c.seed)
    mask = torch.zeros(300, 1, 8, 8)
    for place in range(300):
        if place % 8:
            mask[place, 0, int(torch.randint(1, 7, (), generator=generator))] = 1
    pictures = mask + 0.4 * torch.randn(mask.shape, generator=generator)
    return Batches(pictures, mask, 2, c.seed)


def _segments(c: Conditions) -> nn.Sequential:
    width = c.width(8)
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, 1, 1),
    )


def _inside(floor: float) -> Criterion:
    def criterion(logits: Tensor, mask: Tensor) -> Tensor:
        each = functional.binary_cross_entropy_with_logits(logits, mask, reduction="none")
        inside = (each * mask).sum() / mask.sum().clamp(min=floor)
        return inside + (each * (1 - mask)).sum() / (1 - mask).sum().clamp(min=floor)

    return criterion


@sick(
    200,
    cause="loss_nonfinite",
    loss_nonfinite="",
    gradients_nonfinite="*",
)
def cnn_empty_mask(c: Conditions) -> Training:
    """A mean over the pixels of a mask that is empty in some batches: 0/0."""
    model = _segments(c)
    batches = _lines(c)
    return supervised(
        c,
        model,
        c.adam(model, 3e-3),
        batches,
        _inside(0.0 if c.sick else 1.0),
        chain=("0", "2", "4"),
    )


class Spread(nn.Module):
    """Each sample's features beside their standard deviation, whose root has no slope at 0."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.body = stack([64, width, width], nn.ReLU, gain=2**0.5)
        self.head = nn.Linear(width + 1, 10)
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        features = torch.tanh(self.body(x))
        spread = (features.var(1, keepdim=True) + self.epsilon).sqrt()
        y: Tensor = self.head(torch.cat([features, spread], 1))
        return y


@sick(
    150,
    cause="gradients_nonfinite",
    cure="person",
    gradients_nonfinite="*",
    weights_nonfinite="*",
)
def mlp_spread_of_nothing(c: Conditions) -> Training:
    """Blank samples make features that are all 0, and the root of their variance has no slope."""
    model = Spread(c.width(48), 0.0 if c.sick else 1e-5)
    for layer in model.body:
        if isinstance(layer, nn.Linear):
            nn.init.zeros_(layer.bias)
    batches = digits(c)
    x = batches.x.clone()
    x[::20] = 0
    return supervised(
        c, model, c.sgd(model, 0.1), batches.changed(x), chain=("body.0", "body.2", "head")
    )


@healthy(200)
def cnn_mask_with_floor(c: Conditions) -> Training:
    """The same mean over a mask with a floor under it; some steps have half of their loss."""
    model = _segments(c)
    return supervised(c, model, c.adam(model, 3e-3), _lines(c), _inside(1.0), chain=("0", "2", "4"))
