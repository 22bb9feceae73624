"""Gradients that grow or fall over depth or time from the first step on."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.cnn import chain_of
from evaluation.runs.data import copy_memory, digits, images
from evaluation.runs.gan import Pair, play
from evaluation.runs.loop import fill, supervised
from evaluation.runs.mlp import linears, names_of, stack
from evaluation.runs.recurrent import CellLoop
from evaluation.runs.run import Conditions, Training, healthy, sick


@sick(100, cause="exploding_gradients", exploding_gradients="*")
def cnn_dead_at_once(c: Conditions) -> Training:
    """Ten convolutions drawn four times too wide: NaN after a few steps."""
    width = c.width(8)
    modules: list[nn.Module] = []
    for place in range(10):
        conv = nn.Conv2d(width if place else 1, width, 3, padding=1, stride=2 if place == 1 else 1)
        nn.init.normal_(conv.weight, std=(6.0 if c.sick else 1.4) / (9 * conv.in_channels) ** 0.5)
        modules += [conv, nn.LeakyReLU(0.1)]
    model = nn.Sequential(*modules, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * width, 10))
    optimizer = c.sgd(model, 0.02, momentum=0.9)
    return supervised(c, model, optimizer, images(c), chain=chain_of(model))


@sick(120, cause="rnn_exploding_in_time", rnn_exploding_in_time="cell")
def recurrent_cell_dead_at_once(c: Conditions) -> Training:
    """A ReLU cell in a loop over 25 steps, whose matrix doubles the state at each."""
    width = c.width(24)
    model = CellLoop(4, width, 4)
    model.cell.nonlinearity = "relu"
    with torch.no_grad():
        model.cell.weight_hh.copy_((2.2 if c.sick else 0.95) * torch.eye(width))
    return supervised(c, model, c.sgd(model, 0.05), copy_memory(c, 25), chain=("cell", "head"))


class Towers(nn.Module):
    """Each half of a picture in a tower of its own, then a head on both."""

    def __init__(self, left: nn.Module, right: nn.Module, width: int) -> None:
        super().__init__()
        self.left, self.right = left, right
        self.head = nn.Linear(2 * width, 10)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(torch.cat([self.left(x[:, :32]), self.right(x[:, 32:])], -1))
        return y


def _towers(c: Conditions, gain: float) -> tuple[Towers, tuple[str, ...]]:
    width = c.width(40)
    widths = [32, *[width] * c.depth(4), width]
    left = stack(widths, nn.Tanh, gain=gain)
    model = Towers(left, stack(widths, nn.Tanh, gain=1.1), width)
    return model, (*(f"left.{name}" for name in names_of(left)), "head")


@sick(150, cause="vanishing_gradients", vanishing_gradients="left.*")
def mlp_one_tower(c: Conditions) -> Training:
    """One of two towers is drawn ten times too small, and learns nothing."""
    model, chain = _towers(c, 0.12 if c.sick else 1.1)
    return supervised(c, model, c.sgd(model, 0.1), digits(c), chain=chain)


@sick(
    200,
    cause="vanishing_gradients",
    cure="person",
    vanishing_gradients="*",
)
def gan_judge_wins(c: Conditions) -> Training:
    """The saturating loss against a judge that learns far faster: the generator gets nothing."""
    model = Pair(c.width(32))
    fill(4.0, linears(model.generator)[2].bias)  # what it draws at first is told at a glance
    return play(
        c,
        model,
        rates=(1e-4, 5e-3) if c.sick else (2e-3, 2e-3),
        saturating=c.sick,
        judge_steps=3 if c.sick else 1,
    )


@sick(150, cause="vanishing_gradients", vanishing_gradients="*")
def autoencoder_sigmoids(c: Conditions) -> Training:
    """Eight sigmoid layers between a picture and itself."""
    widths = [64, *[c.width(40)] * c.depth(8), 64]
    model = stack(widths, nn.Sigmoid if c.sick else nn.ReLU, gain=1.0 if c.sick else 2**0.5)
    batches = digits(c).to_themselves()
    return supervised(
        c, model, c.adam(model, 2e-3), batches, functional.mse_loss, chain=names_of(model)
    )


@healthy(150)
def mlp_two_towers(c: Conditions) -> Training:
    """Two towers, both as they should be."""
    model, chain = _towers(c, 1.1)
    return supervised(c, model, c.sgd(model, 0.1), digits(c), chain=chain)


@healthy(200)
def autoencoder_weight_annealed(c: Conditions) -> Training:
    """The weight of the loss rises from 1e-9 to 1 in 60 steps, under Adam."""
    model = stack([64, c.width(48), 12, c.width(48), 64], nn.Tanh, gain=1.1)
    weight = {"now": 1.0}

    def criterion(output: Tensor, y: Tensor) -> Tensor:
        factor = weight["now"] if torch.is_grad_enabled() else 1.0
        return functional.mse_loss(output, y) * factor

    batches = digits(c).to_themselves()
    training = supervised(c, model, c.adam(model, 3e-3), batches, criterion, chain=names_of(model))

    def before(step: int) -> None:
        weight["now"] = 10.0 ** (-9 * max(0.0, 1 - step / 60))

    training.before = before
    return training
