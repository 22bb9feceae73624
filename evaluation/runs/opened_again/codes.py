"""Models that squeeze digits through a code: variational, or of a few words of a codebook."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.data import digits
from evaluation.runs.mlp import stack
from evaluation.runs.run import Conditions, Training, healthy, sick

CODE = 6


class Sampled(nn.Module):
    """Encodes into a mean and a log variance, and decodes a sample of it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.encoder = stack([64, width, 2 * CODE], nn.ReLU)
        self.decoder = stack([CODE, width, 64], nn.ReLU, gain=1.0)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.encoder(x).chunk(2, 1)
        divergence = (mean.square() + log_variance.exp() - log_variance - 1).sum(1) / 2
        code = mean + torch.randn_like(mean) * (log_variance / 2).exp()
        return self.decoder(code), divergence.mean()


def _variational(c: Conditions, weight: Callable[[int], float]) -> Training:
    """The error of a pixel, and the divergence of the codes times a weight by step."""
    model = Sampled(c.width(64))
    batches = digits(c)

    def loss(number: int) -> Tensor:
        x, _ = batches[number]
        shown, divergence = model(x)
        found: Tensor = functional.mse_loss(shown, x) + weight(number) * divergence
        return found

    def probe() -> Tensor:
        x, _ = batches.probe
        return functional.mse_loss(model(x)[0], x)

    return Training(model, c.adam(model, 5e-3), loss, probe)


@sick(300, cause=("collapsed_outputs", "plateau"), collapsed_outputs="")
def vae_divergence_summed_error_averaged(c: Conditions) -> Training:
    """The error is a mean over 64 pixels, the divergence a sum: no code is worth its price."""
    return _variational(c, lambda _: 1.0 if c.sick else 0.002)


@healthy(300)
def vae_divergence_comes_slowly(c: Conditions) -> Training:
    """The weight of the divergence rises over 150 steps: the loss turns and goes up a little."""
    return _variational(c, lambda number: 0.02 * min(1.0, number / 150))


class Quantized(nn.Module):
    """A code of eight parts, each the nearest word of a codebook.

    Args:
        width: of the hidden layers.
        through: whether the gradient of a word is passed on to what it stands for.
    """

    def __init__(self, width: int, *, through: bool) -> None:
        super().__init__()
        self.encoder = stack([64, width, 32], nn.ReLU, gain=2**0.5)
        self.words = nn.Embedding(16, 4)
        self.decoder = stack([32, width, 64], nn.ReLU, gain=2**0.5)
        self.through = through

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        meant = self.encoder(x).view(len(x), 8, 4)
        said = self.words(torch.cdist(meant, self.words.weight[None]).argmin(2))
        if not self.through:
            return self.decoder(said.flatten(1)), x.new_zeros(())
        price = functional.mse_loss(said, meant.detach())
        price = price + 0.25 * functional.mse_loss(meant, said.detach())
        return self.decoder((meant + (said - meant).detach()).flatten(1)), price


def _quantized(c: Conditions, *, through: bool) -> Training:
    model = Quantized(c.width(64), through=through)
    batches = digits(c)

    def loss(number: int) -> Tensor:
        x, _ = batches[number]
        shown, price = model(x)
        found: Tensor = functional.mse_loss(shown, x) + price
        return found

    def probe() -> Tensor:
        x, _ = batches.probe
        return functional.mse_loss(model(x)[0], x)

    return Training(model, c.adam(model, 3e-3), loss, probe)


@sick(250, cause="no_gradient", cure="person", no_gradient="encoder*")
def codebook_looked_up(c: Conditions) -> Training:
    """Words of a codebook are looked up by ``argmin``: the encoder never hears how it went."""
    return _quantized(c, through=not c.sick)


@healthy(300)
def codebook_straight_through(c: Conditions) -> Training:
    """The same with gradients passed straight through, and words that follow what is meant."""
    return _quantized(c, through=True)
