"""Models of what data looks like: variational, by a flow, by removing noise, by compression.

Written before the rules were last changed; scored only at the end.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.data import Batches, digits
from evaluation.runs.loop import supervised
from evaluation.runs.mlp import names_of, stack
from evaluation.runs.run import Conditions, Training, healthy, sick

CODE = 8


class Variational(nn.Module):
    """A variational autoencoder of digits; gives reconstruction, mean and log variance in a row."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, width), nn.ReLU())
        self.mean, self.log_variance = nn.Linear(width, CODE), nn.Linear(width, CODE)
        self.decoder = stack([CODE, width, 64], nn.ReLU)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.encoder(x)
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        code = mean + torch.randn_like(mean) * (log_variance / 2).exp()
        return torch.cat([self.decoder(code), mean, log_variance], 1)


def _evidence(output: Tensor, x: Tensor) -> Tensor:
    """Squared error over the variance of the data, and a little of the divergence of the codes."""
    shown, mean, log_variance = output.split([64, CODE, CODE], 1)
    error = functional.mse_loss(shown, x) / x.var()
    if not torch.is_grad_enabled():
        return error
    divergence: Tensor = (mean.square() + log_variance.exp() - log_variance - 1).sum(1) / 2
    return error + 1e-3 * divergence.mean()


@sick(200, cause="bad_inputs", bad_inputs="")
def vae_raw_pixels(c: Conditions) -> Training:
    """Pixels from 0 to 255 as the file has them: the variance of the code is astronomical."""
    batches = digits(c)
    if c.sick:
        low, high = batches.x.min(), batches.x.max()
        batches = batches.changed((batches.x - low) / (high - low) * 255)
    model = Variational(c.width(64))
    return supervised(c, model, c.adam(model, 3e-3), batches.to_themselves(), _evidence)


class Coupling(nn.Module):
    """One half is scaled and shifted by what a net makes of the other; the halves change places."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = stack([1, width, width, 2], nn.Tanh)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        still, moved = x.chunk(2, 1)
        scale, shift = self.net(still).chunk(2, 1)
        scale = 2 * torch.tanh(scale)
        return torch.cat([moved * scale.exp() + shift, still], 1), scale.sum(1)


class Flow(nn.Module):
    """Couplings in a row (RealNVP); gives the negative log-likelihood of each point."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.couplings = nn.ModuleList([Coupling(width) for _ in range(4)])

    def forward(self, x: Tensor) -> Tensor:
        volume = x.new_zeros(len(x))
        for coupling in self.couplings:
            x, change = coupling(x)
            volume = volume + change
        return x.square().sum(1) / 2 + math.log(2 * math.pi) - volume


def _wave(c: Conditions) -> Batches:
    """Points beside a sine wave."""
    generator = torch.Generator().manual_seed(c.seed)
    place = torch.randn(2000, generator=generator)
    height = torch.sin(2 * place) + 0.1 * torch.randn(2000, generator=generator)
    x = torch.stack([place, height], 1)
    return Batches(x, x, c.batch(64), c.seed)


def _mean(output: Tensor, y: Tensor) -> Tensor:
    del y
    return output.mean()


@sick(200, cause="lr_too_high", lr_too_high="")
def flow_at_the_rate_of_a_line(c: Conditions) -> Training:
    """A flow under Adam at 0.3, which had served a linear model."""
    model = Flow(c.width(32))
    return supervised(c, model, c.adam(model, 0.3 if c.sick else 5e-3), _wave(c), _mean)


@healthy(300)
def flow_with_clipping(c: Conditions) -> Training:
    """A flow whose loss has no 0 to go to, clipped at a norm of 1."""
    model = Flow(c.width(32))
    return supervised(c, model, c.adam(model, 5e-3), _wave(c), _mean, clip=1.0)


STEPS = 1000


def _noised(c: Conditions, unit: float) -> Batches:
    """Points of a ring in noise of many levels, with the level; the noise is asked for."""
    generator = torch.Generator().manual_seed(c.seed)
    angle = 2 * math.pi * torch.rand(6000, generator=generator)
    ring = torch.stack([angle.cos(), angle.sin()], 1)
    time = torch.randint(1, STEPS, (6000, 1), generator=generator).float()
    left = torch.cos(time / STEPS * math.pi / 2)
    noise = torch.randn(6000, 2, generator=generator)
    x = torch.cat([left * ring + (1 - left.square()).sqrt() * noise, time / unit], 1)
    return Batches(x, noise, c.batch(64), c.seed)


def _denoiser(c: Conditions, unit: float) -> Training:
    model = stack([3, c.width(64), c.width(64), 2], nn.SiLU)
    batches = _noised(c, unit)
    return supervised(
        c, model, c.adam(model, 3e-3), batches, functional.mse_loss, chain=names_of(model)
    )


@sick(250, cause="bad_inputs", bad_inputs="")
def diffusion_time_as_a_count(c: Conditions) -> Training:
    """A denoiser that is told the time as a number up to 1000, beside coordinates of size 1."""
    return _denoiser(c, 1.0 if c.sick else STEPS)


@healthy(250)
def diffusion_every_level(c: Conditions) -> Training:
    """A denoiser on noise of random level: the loss of a batch is mostly chance, and ends high."""
    return _denoiser(c, STEPS)


@sick(250, cause="vanishing_gradients", vanishing_gradients="*")
def autoencoder_hourglass_of_sigmoids(c: Conditions) -> Training:
    """Eight layers of sigmoids, as drawings of autoencoders in old tutorials have them."""
    width = c.width(32)
    widths = [64, width, width, width, 16, width, width, width, 64]
    model = stack(widths, nn.Sigmoid) if c.sick else stack(widths, nn.ReLU, gain=2**0.5)
    batches = digits(c).to_themselves()
    return supervised(
        c, model, c.adam(model, 4e-3), batches, functional.mse_loss, chain=names_of(model)
    )
