"""Generator against discriminator on a ring of points: two optimizers, two losses."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.loop import at, fill, multiply
from evaluation.runs.mlp import linears
from evaluation.runs.run import Conditions, Training, healthy, nothing, sick

NOISE = 4
CHAIN = ("generator.0", "generator.2", "generator.4")


class Pair(nn.Module):
    """A generator of points in the plane and a judge of them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.generator = nn.Sequential(
            nn.Linear(NOISE, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, 2),
        )
        self.discriminator = nn.Sequential(
            nn.Linear(2, width),
            nn.LeakyReLU(0.2),
            nn.Linear(width, width),
            nn.LeakyReLU(0.2),
            nn.Linear(width, 1),
        )


class Stopped(nn.Linear):
    """A linear layer whose output is detached."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).detach()


def _ring(count: int, generator: torch.Generator) -> Tensor:
    angle = 2 * math.pi * torch.rand(count, generator=generator)
    return torch.stack([angle.cos(), angle.sin()], -1) + 0.05 * torch.randn(
        count, 2, generator=generator
    )


def _distance(x: Tensor, y: Tensor) -> Tensor:
    """Energy distance between two samples: 0 when they have one distribution."""
    return 2 * torch.cdist(x, y).mean() - torch.cdist(x, x).mean() - torch.cdist(y, y).mean()


def play(
    c: Conditions,
    model: Pair,
    *,
    rates: tuple[float, float] = (2e-3, 2e-3),
    saturating: bool = False,
    judge_steps: int = 1,
    before: Callable[[int], None] = nothing,
) -> Training:
    """The usual game: the judge first, then the generator, each with its own Adam."""
    makers = torch.optim.Adam(model.generator.parameters(), lr=c.rate(rates[0]), betas=(0.5, 0.9))
    judges = torch.optim.Adam(
        model.discriminator.parameters(), lr=c.rate(rates[1]), betas=(0.5, 0.9)
    )
    size = c.batch(64)
    fixed = torch.Generator().manual_seed(c.seed)
    probe_noise, probe_real = torch.randn(256, NOISE, generator=fixed), _ring(256, fixed)

    def judge(number: int) -> None:
        random = torch.Generator().manual_seed(c.seed * 1_000_003 + number)
        real, noise = _ring(size, random), torch.randn(size, NOISE, generator=random)
        judges.zero_grad()
        fake = model.generator(noise).detach()
        loss = (
            functional.softplus(-model.discriminator(real)).mean()
            + functional.softplus(model.discriminator(fake)).mean()
        )
        loss.backward()
        judges.step()

    def update(number: int) -> None:
        for part in range(judge_steps):
            judge(number * judge_steps + part)
        random = torch.Generator().manual_seed(c.seed * 7_000_003 + number)
        noise = torch.randn(size, NOISE, generator=random)
        makers.zero_grad()
        judges.zero_grad()
        verdict = model.discriminator(model.generator(noise))
        loss = (
            -functional.softplus(verdict).mean()
            if saturating
            else functional.softplus(-verdict).mean()
        )
        loss.backward()
        training.seen_loss = float(loss.detach())
        training.observe()
        makers.step()

    training = Training(
        model,
        makers,
        loss=lambda number: model.discriminator(
            model.generator(torch.randn(size, NOISE) * number)
        ).mean(),
        probe=lambda: _distance(model.generator(probe_noise), probe_real),
        chain=CHAIN,
        before=before if c.sick else nothing,
        others=(judges,),
        frames_per_step=judge_steps + 1,
        update=update,
    )
    return training


@sick(200, onset=110, cause="dead_relu", dead_relu="generator.2")
def gan_generator_dies(c: Conditions) -> Training:
    """At step 110 the generator's second layer is thrown far below 0: it answers with one point."""
    model = Pair(c.width(32))
    return play(c, model, before=at(110, lambda: fill(-60.0, linears(model.generator)[1].bias)))


@sick(
    190,
    onset=115,
    cause=("exploding_gradients", "weights_growing"),
    exploding_gradients="*",
)
def gan_judge_scaled_up(c: Conditions) -> Training:
    """At step 115 the judge is loaded from a checkpoint with weights thirty times too large."""
    model = Pair(c.width(32))
    return play(
        c,
        model,
        before=at(
            115, lambda: multiply(30.0, *(layer.weight for layer in linears(model.discriminator)))
        ),
    )


@sick(160, cause="no_gradient", cure="person", no_gradient="generator.0")
def gan_first_layer_detached(c: Conditions) -> Training:
    """The generator's optimizer never sees its first layer's gradient: a ``.detach()`` after it."""
    model = Pair(c.width(32))
    if c.sick:
        model.generator[0] = Stopped(NOISE, c.width(32))
    return play(c, model)


@healthy(250)
def gan_plain(c: Conditions) -> Training:
    """Two losses that push against each other and settle nowhere near 0."""
    return play(c, Pair(c.width(32)))


@healthy(200)
def gan_two_rates(c: Conditions) -> Training:
    """The judge learns four times as fast as the generator (TTUR, arXiv 1706.08500)."""
    return play(c, Pair(c.width(32)), rates=(1e-3, 4e-3))
