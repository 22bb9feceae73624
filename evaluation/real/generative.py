"""Nets that make pictures: a variational autoencoder and a generator against a judge."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.real.subject import (
    EXPLODES,
    INPUTS,
    RATE,
    VANISHES,
    Loop,
    Subject,
    batch,
    drawn,
    shifted,
    supervised,
    without,
)
from evaluation.real.vision import pictures


class Variational(nn.Module):
    """Convolutions down to sixteen numbers with a spread, and back."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, width, 3, 2, 1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, 2, 1),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * width, 32),
        )
        self.decoder = nn.Sequential(
            nn.Linear(16, 32 * width),
            nn.ReLU(),
            nn.Unflatten(1, (2 * width, 4, 4)),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, 1, 4, 2, 1),
        )
        self.cut = False

    def forward(self, x: Tensor) -> Tensor:
        mean, spread = self.encoder(x).chunk(2, -1)
        if self.cut:
            mean, spread = mean.detach(), spread.detach()
        code = mean + torch.exp(spread / 2) * torch.randn_like(mean)
        divergence = (mean.square() + spread.exp() - 1 - spread).sum(1).mean() / 2
        loss: Tensor = functional.mse_loss(self.decoder(code), x) + 0.002 * divergence
        return loss


def vae(way: str) -> Loop:
    x, _ = pictures()
    if way == "inputs":
        x = x * 800 + 1000
    model = Variational(8)
    if way == "init":
        nn.init.constant_(model.decoder.get_parameter("0.bias"), -20.0)
    if way == "norm":
        without(model, nn.BatchNorm2d)
        drawn(model, 2.5)
    model.cut = way == "wiring"
    optimizer = torch.optim.Adam(model.parameters(), lr=1.0 if way == "rate" else 2e-3)
    return supervised(
        model, optimizer, lambda number: model(x[batch(len(x), 32, number)]), clip=None
    )


class Pair(nn.Module):
    """A generator of pictures and a judge of them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.generator = nn.Sequential(
            nn.Linear(16, 32 * width),
            nn.Unflatten(1, (2 * width, 4, 4)),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, 1, 4, 2, 1),
        )
        self.judge = nn.Sequential(
            nn.Conv2d(1, width, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(32 * width, 1),
        )


def gan(way: str) -> Loop:
    real, _ = pictures()
    if way == "inputs":
        real = real * 800 + 1000
    model = Pair(8)
    if way == "init":
        drawn(model.judge, 300.0)
    if way == "norm":
        # Without norms and drawn far too small it recovers within 25 steps: that is no sick run.
        shifted(model.generator, nn.BatchNorm2d, -20.0)
    rate = 2e-3
    makers = torch.optim.Adam(model.generator.parameters(), lr=rate, betas=(0.5, 0.9))
    judges = torch.optim.Adam(
        model.judge.parameters(), lr=1.0 if way == "rate" else rate, betas=(0.5, 0.9)
    )

    def step(number: int) -> float:
        noise = torch.randn(32, 16, generator=torch.Generator().manual_seed(number))
        judges.zero_grad()
        fake = model.generator(noise)
        rows = real[batch(len(real), 32, number)]
        verdict = functional.softplus(-model.judge(rows)).mean()
        (verdict + functional.softplus(model.judge(fake.detach())).mean()).backward()
        judges.step()
        makers.zero_grad()
        made = model.generator[:-1](noise)
        made = model.generator[-1](made.detach() if way == "wiring" else made)
        loss = functional.softplus(-model.judge(made)).mean()
        loss.backward()
        makers.step()
        return float(loss.detach())

    return Loop(model, step)


SUBJECTS = (
    Subject(
        "VAE",
        vae,
        {
            "rate": RATE,
            "init": ("dead_relu",),
            "inputs": INPUTS,
            "wiring": ("no_gradient",),
            "norm": EXPLODES,
        },
    ),
    Subject(
        "GAN",
        gan,
        {
            "rate": RATE,
            "init": (*EXPLODES, *VANISHES, "zero_gradient"),
            "inputs": INPUTS,
            "wiring": ("no_gradient",),
            "norm": ("dead_relu", "zero_gradient"),
        },
    ),
)
