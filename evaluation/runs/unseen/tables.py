"""Columns of numbers and of names: moons, orders of a shop, defects per hour."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.data import Batches
from evaluation.runs.loop import supervised
from evaluation.runs.mlp import names_of, stack
from evaluation.runs.run import Conditions, Training, healthy, sick


def _moons(c: Conditions, wrong: float = 0.0) -> Batches:
    """Two half circles that reach into each other; a share of the labels is wrong."""
    generator = torch.Generator().manual_seed(5000 + c.seed)
    angle = math.pi * torch.rand(2000, generator=generator)
    y = torch.randint(2, (2000,), generator=generator)
    side = (1 - 2 * y).float()
    x = torch.stack([side * angle.cos() + y, side * angle.sin() + 0.5 * y], 1)
    x = (x + 0.1 * torch.randn(2000, 2, generator=generator) - x.mean(0)) / x.std(0)
    flipped = torch.rand(2000, generator=generator) < wrong
    return Batches(x, torch.where(flipped, 1 - y, y), c.batch(64), c.seed)


@sick(200, cause="vanishing_gradients", held_out=True, vanishing_gradients="*")
def moons_by_nine_sigmoids(c: Conditions) -> Training:
    """Nine hidden layers of sigmoids, where three of tanh are enough."""
    bend = nn.Sigmoid if c.sick else nn.Tanh
    model = stack([2, *[c.width(24)] * c.depth(9), 2], bend, gain=1.0)
    return supervised(c, model, c.adam(model, 3e-3), _moons(c), chain=names_of(model))


@sick(200, cause=("lr_too_high", "loss_unstable"), held_out=True, lr_too_high="")
def moons_in_ten_strides(c: Conditions) -> Training:
    """Plain gradient descent at a rate of 15, as somebody had it for another loss."""
    model = stack([2, c.width(32), c.width(32), 2], nn.ReLU, gain=2**0.5)
    optimizer = c.sgd(model, 15.0 if c.sick else 0.3)
    return supervised(c, model, optimizer, _moons(c), chain=names_of(model))


@healthy(300, held_out=True)
def moons_with_a_fifth_mislabeled(c: Conditions) -> Training:
    """A fifth of the labels is wrong: the loss comes down by a quarter, and that is all."""
    model = stack([2, c.width(32), c.width(32), 2], nn.Tanh)
    return supervised(c, model, c.adam(model, 1e-2), _moons(c, 0.2), chain=names_of(model))


@sick(150, cause="zero_gradient", cure="person", held_out=True, zero_gradient="*")
def moons_softmax_of_one(c: Conditions) -> Training:
    """A single output goes through ``softmax(1)``: it is 1, whatever the network says."""
    model = stack([2, c.width(24), c.width(24), 1], nn.ReLU, gain=2**0.5)
    batches = _moons(c)

    def error(output: Tensor, y: Tensor) -> Tensor:
        chance = output.softmax(1) if c.sick else output.sigmoid()
        return functional.mse_loss(chance.squeeze(1), y.float())

    return supervised(c, model, c.adam(model, 3e-3), batches, error, chain=names_of(model))


ITEMS = 400


class Shop(nn.Module):
    """What an order is worth, from what was bought, how often and by whom."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.item = nn.Embedding(ITEMS, width)
        self.encoder = nn.Sequential(nn.Linear(width + 6, width), nn.ReLU())
        self.head = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.encoder(torch.cat([self.item(x[:, 0].long()), x[:, 1:]], 1)))
        return y


def _orders(c: Conditions, chance: float = 0.0) -> Batches:
    """Orders of one item each: few items are in most of them, many in none.

    ``chance`` is the spread of what nobody can know, beside that of the rest.
    """
    generator = torch.Generator().manual_seed(6000 + c.seed)
    item = (ITEMS * torch.rand(2000, generator=generator).pow(4)).long()
    more = torch.randn(2000, 6, generator=generator)
    worth = torch.randn(ITEMS, generator=generator)[item] + torch.relu(more[:, 0] + more[:, 1])
    x = torch.cat([item[:, None].float(), more], 1)
    if chance:
        worth = worth + chance * worth.std() * torch.randn(2000, generator=generator)
    return Batches(x, (worth - worth.mean()) / worth.std(), c.batch(64), c.seed)


def _error(output: Tensor, y: Tensor) -> Tensor:
    return functional.mse_loss(output.squeeze(1), y)


@sick(150, cause="weights_nonfinite", held_out=True, weights_nonfinite="*")
def orders_adam_without_epsilon(c: Conditions) -> Training:
    """Adam with ``eps=0``: an item that was never bought has no gradient, and 0/0 is its step."""
    model = Shop(c.width(16))
    optimizer = torch.optim.Adam(model.parameters(), lr=c.rate(3e-3), eps=0 if c.sick else 1e-8)
    return supervised(c, model, optimizer, _orders(c), _error)


@sick(250, cause="not_in_optimizer", held_out=True, not_in_optimizer="encoder*")
def orders_encoder_in_no_group(c: Conditions) -> Training:
    """Two groups with rates of their own, for items and for the head; the encoder is in neither."""
    model = Shop(c.width(16))
    nn.init.normal_(model.encoder[0].get_parameter("weight"), std=0.02)
    groups = [model.item, model.head] + ([] if c.sick else [model.encoder])
    optimizer = torch.optim.Adam(
        [
            {"params": list(one.parameters()), "lr": c.rate(rate)}
            for one, rate in zip(groups, (5e-3, 2e-3, 2e-3), strict=False)
        ]
    )
    return supervised(c, model, optimizer, _orders(c), _error)


@healthy(300, held_out=True)
def orders_most_items_never(c: Conditions) -> Training:
    """The same in order, by plain steps: half of the items are never bought, and never move."""
    model = Shop(c.width(16))
    optimizer = c.sgd(model, 0.05, momentum=0.9)
    return supervised(c, model, optimizer, _orders(c), _error)


@healthy(500, held_out=True)
def orders_worth_mostly_chance(c: Conditions) -> Training:
    """A tenth of what orders are worth can be told from them, and that is learned."""
    model = Shop(c.width(16))
    return supervised(c, model, c.adam(model, 2e-3), _orders(c, 3.0), _error)


@sick(200, cause="loss_nonfinite", cure="person", held_out=True, loss_nonfinite="")
def defects_of_a_negative_rate(c: Conditions) -> Training:
    """A Poisson loss takes the logarithm of a rate that nothing keeps above 0."""
    generator = torch.Generator().manual_seed(7000 + c.seed)
    x = torch.randn(2000, 5, generator=generator)
    y = torch.poisson((0.8 * x[:, 0] - 0.6 * x[:, 1]).exp(), generator=generator)
    model = stack([5, c.width(24), 1], nn.Tanh)
    nn.init.constant_(model[-1].get_parameter("bias"), 3.0)

    def error(output: Tensor, y: Tensor) -> Tensor:
        rate = output.squeeze(1)
        return functional.poisson_nll_loss(rate, y, log_input=not c.sick)

    batches = Batches(x, y, c.batch(64), c.seed)
    return supervised(c, model, c.adam(model, 2e-2), batches, error, chain=names_of(model))
