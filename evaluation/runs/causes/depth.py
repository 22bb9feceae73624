"""Gradients that grow or fall over depth or time from the first step on."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.data import adding, digits, images
from evaluation.runs.loop import supervised
from evaluation.runs.mlp import Residual, names_of, stack, tower
from evaluation.runs.recurrent import LastStep, carry
from evaluation.runs.run import Conditions, Training, healthy, sick


@sick(120, cause="exploding_gradients", exploding_gradients="*")
def mlp_dead_at_once(c: Conditions) -> Training:
    """Twenty ReLU layers drawn three times too wide: NaN after two or three steps."""
    model = stack(tower(c, 20, 48), nn.ReLU, gain=(3.0 if c.sick else 1.0) * 2**0.5)
    return supervised(c, model, c.sgd(model, 0.01), digits(c), chain=names_of(model))


@sick(120, cause="rnn_exploding_in_time", rnn_exploding_in_time="rnn")
def recurrent_dead_at_once(c: Conditions) -> Training:
    """A ReLU RNN whose recurrent matrix starts at twice the identity, over 30 steps, unclipped."""
    width = c.width(24)
    rnn = nn.RNN(2, width, nonlinearity="relu", batch_first=True)
    with torch.no_grad():
        carry(rnn).copy_((2.0 if c.sick else 0.9) * torch.eye(width))
    model = LastStep(rnn, 1)
    return supervised(
        c, model, c.sgd(model, 1e-2), adding(c, 30), functional.mse_loss, chain=("rnn", "head")
    )


class TwoWays(nn.Module):
    """A deep branch beside a shallow one, and a head on both."""

    def __init__(self, deep: nn.Module, width: int) -> None:
        super().__init__()
        self.deep = deep
        self.shallow = nn.Linear(8, width)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(torch.relu(self.shallow(x[:, :8]) + self.deep(x)))
        return y


@sick(150, cause="vanishing_gradients", vanishing_gradients="deep.*")
def mlp_deep_branch(c: Conditions) -> Training:
    """Eight sigmoid layers beside a shallow branch that sees little and learns all there is."""
    width = c.width(48)
    deep = stack(
        [64, *[width] * c.depth(8), width],
        nn.Sigmoid if c.sick else nn.ReLU,
        gain=None if c.sick else 2**0.5,
    )
    model = TwoWays(deep, width)
    chain = (*(f"deep.{name}" for name in names_of(deep)), "head")
    return supervised(c, model, c.sgd(model, 0.1), digits(c), chain=chain)


class UNet(nn.Module):
    """Two scales of convolutions with a skip connection beside the lower one."""

    def __init__(self, width: int, gain: float) -> None:
        super().__init__()
        self.enter = nn.Conv2d(1, width, 3, padding=1)
        self.down = nn.Conv2d(width, width, 3, stride=2, padding=1)
        middle = [nn.Conv2d(width, width, 3, padding=1) for _ in range(3)]
        for layer in (self.down, *middle):
            nn.init.normal_(layer.weight, std=gain / (9 * width) ** 0.5)
        self.bottom = nn.Sequential(*[m for conv in middle for m in (conv, nn.ReLU())])
        self.up = nn.ConvTranspose2d(width, width, 2, stride=2)
        self.leave = nn.Conv2d(2 * width, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        beside = torch.relu(self.enter(x))
        below = self.up(self.bottom(torch.relu(self.down(beside))))
        y: Tensor = self.leave(torch.cat([beside, below], 1))
        return y


@sick(120, cause="vanishing_gradients", vanishing_gradients="[bd]o*")
def unet_lower_scale(c: Conditions) -> Training:
    """The lower scale of a U-net is drawn thirty times too small; the skip learns alone."""
    model = UNet(c.width(12), 0.04 if c.sick else 2**0.5)
    chain = ("down", "bottom.0", "bottom.2", "bottom.4", "up", "leave")
    batches = images(c).to_themselves(brightness)
    return supervised(c, model, c.adam(model, 2e-3), batches, functional.mse_loss, chain=chain)


def brightness(x: Tensor) -> Tensor:
    """At each pixel the mean of the whole picture, which the lower scale alone can see."""
    return 5 * x.mean((2, 3), keepdim=True).expand_as(x)


@sick(200, cause="vanishing_gradients", vanishing_gradients="*", early_layers_frozen="*")
def mlp_ten_sigmoids(c: Conditions) -> Training:
    """Ten sigmoid layers under Adam at a low rate: the first ones do not move."""
    model = stack(tower(c, 10, 48), nn.Sigmoid if c.sick else nn.ReLU, gain=1.0 if c.sick else 1.4)
    return supervised(c, model, c.sgd(model, 0.1), digits(c), chain=names_of(model))


@healthy(150)
def mlp_two_ways(c: Conditions) -> Training:
    """A deep branch beside a shallow one, both as they should be."""
    width = c.width(48)
    deep = stack([64, *[width] * c.depth(4), width], nn.ReLU, gain=2**0.5)
    model = TwoWays(deep, width)
    chain = (*(f"deep.{name}" for name in names_of(deep)), "head")
    return supervised(c, model, c.adam(model, 2e-3), digits(c), chain=chain)


@healthy(120)
def unet_plain(c: Conditions) -> Training:
    """A U-net that tells how bright pictures are."""
    model = UNet(c.width(12), 2**0.5)
    batches = images(c).to_themselves(brightness)
    chain = ("down", "bottom.0", "bottom.2", "bottom.4", "up", "leave")
    return supervised(c, model, c.adam(model, 5e-3), batches, functional.mse_loss, chain=chain)


@healthy(220)
def mlp_starved_recovers(c: Conditions) -> Training:
    """The weight of the loss rises from 1e-11 to 1 in 80 steps: gradients of nothing come back."""
    width = c.width(48)
    blocks = [
        Residual(nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width)))
        for _ in range(3)
    ]
    model = nn.Sequential(nn.Linear(64, width), *blocks, nn.Linear(width, 10))
    weight = {"now": 1.0}

    def criterion(logits: Tensor, y: Tensor) -> Tensor:
        factor = weight["now"] if torch.is_grad_enabled() else 1.0
        return functional.cross_entropy(logits, y) * factor

    training = supervised(c, model, c.sgd(model, 0.1), digits(c), criterion, chain=("0", "4"))

    def before(step: int) -> None:
        weight["now"] = 10.0 ** (-11 * max(0.0, 1 - step / 80))

    training.before = before
    return training
