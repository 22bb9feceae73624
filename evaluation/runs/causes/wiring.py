"""Layers that nothing trains: never called, cut off, unknown to the optimizer or to the model."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.data import Batches, digits
from evaluation.runs.loop import supervised
from evaluation.runs.mlp import names_of, stack
from evaluation.runs.run import Conditions, Training, healthy, sick


class Net(nn.Module):
    """A first layer, hidden ones, and a head.

    Args:
        width: of every layer.
        registered: whether the hidden layers stand in a ``ModuleList``; else in a Python list.
        called: whether ``forward`` calls them.
    """

    def __init__(self, width: int, *, registered: bool = True, called: bool = True) -> None:
        super().__init__()
        self.first = nn.Linear(64, width)
        hidden = [nn.Linear(width, width) for _ in range(3)]
        self.hidden: Iterable[nn.Module] = nn.ModuleList(hidden) if registered else hidden
        self.called = called
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        if self.called:
            for layer in self.hidden:
                x = torch.relu(layer(x))
        y: Tensor = self.head(x)
        return y


def rings(c: Conditions) -> Batches:
    """Which of ten rings around the middle a point in 64 dimensions lies on; no line tells."""
    generator = torch.Generator().manual_seed(c.seed)
    x = torch.zeros(1500, 64)
    x[:, :2] = torch.randn(1500, 2, generator=generator)
    y = (x.norm(dim=1) * 3).long().clamp(max=9)
    return Batches(x, y, c.batch(64), c.seed)


@sick(200, cause="no_gradient", cure="person", no_gradient="hidden.*")
def mlp_hidden_never_called(c: Conditions) -> Training:
    """``forward`` forgets the hidden layers, and what is left is linear."""
    model = Net(c.width(48), called=not c.sick)
    return supervised(c, model, c.adam(model, 1e-2), rings(c), chain=("first", "head"))


@sick(200, cause="unregistered_layers", cure="person", unregistered_layers="")
def mlp_hidden_in_a_list(c: Conditions) -> Training:
    """The hidden layers stand in a Python list: in no ``parameters()``, so in no optimizer."""
    model = Net(c.width(16), registered=not c.sick)
    return supervised(c, model, c.adam(model, 1e-2), rings(c), chain=("first", "head"))


class WithLoss(nn.Module):
    """An encoder, and a loss with a classifier of its own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.encoder = stack([64, width, 16], nn.ReLU, gain=2**0.5)
        self.loss = nn.Linear(16, 10, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = 4 * self.loss(functional.normalize(self.encoder(x)))
        return y


@sick(200, cause="not_in_optimizer", not_in_optimizer="loss")
def mlp_loss_head_left_out(c: Conditions) -> Training:
    """The optimizer was made of the encoder's parameters; the classifier is part of the loss."""
    model = WithLoss(c.width(48))
    nn.init.normal_(model.loss.weight, std=0.1)
    optimizer = c.adam(model.encoder if c.sick else model, 5e-3)
    return supervised(c, model, optimizer, digits(c), chain=("encoder.0", "encoder.2", "loss"))


@healthy(150)
def mlp_frozen_encoder(c: Conditions) -> Training:
    """A frozen encoder that the optimizer holds all the same, and a head that learns."""
    model = stack([64, c.width(256), 10], nn.ReLU, gain=2**0.5)
    model[0].requires_grad_(requires_grad=False)
    optimizer = torch.optim.Adam(model.parameters(), lr=c.rate(1e-2))
    return supervised(c, model, optimizer, digits(c), chain=names_of(model)[1:])


class Spare(nn.Module):
    """A net with a second head that a later phase of the training uses."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = stack([64, width, width], nn.ReLU, gain=2**0.5)
        self.head = nn.Linear(width, 10)
        self.later = nn.Linear(width, 2).requires_grad_(requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(torch.relu(self.body(x)))
        return y


@healthy(150)
def mlp_head_for_later(c: Conditions) -> Training:
    """A second head that is never called, and frozen until it is."""
    model = Spare(c.width(48))
    return supervised(c, model, c.adam(model, 3e-3), digits(c), chain=("body.0", "body.2", "head"))
