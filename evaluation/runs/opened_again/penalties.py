"""Terms that are added to the loss, and noise that is added to the net."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.data import digits
from evaluation.runs.loop import supervised
from evaluation.runs.mlp import names_of, stack, tower
from evaluation.runs.run import Conditions, Training, healthy, sick


def _penalized(c: Conditions, weight: float, rate: float) -> Training:
    """Cross-entropy and that weight times the sum of all squared weights."""
    model = stack(tower(c, 2, 64), nn.ReLU, gain=2**0.5)

    def loss(output: Tensor, y: Tensor) -> Tensor:
        penalty = torch.stack([p.square().sum() for p in model.parameters()]).sum()
        return functional.cross_entropy(output, y) + weight * penalty

    return supervised(c, model, c.sgd(model, rate), digits(c), loss, chain=names_of(model))


@sick(250, cause="weights_growing", cure="person", weights_growing="*")
def penalty_with_the_wrong_sign(c: Conditions) -> Training:
    """The penalty of the weights is subtracted: the larger they are, the better."""
    return _penalized(c, -0.15 if c.sick else 1e-4, 0.05)


@sick(250, cause="loss_unstable", loss_unstable="")
def dropout_of_what_was_to_be_kept(c: Conditions) -> Training:
    """The chance to keep a unit, 0.98, was given as the chance to drop it."""
    chance = 0.98 if c.sick else 0.02
    widths = tower(c, 2, 64)
    model = stack(widths, nn.ReLU, gain=2**0.5, between=lambda _: nn.Dropout(chance))
    return supervised(c, model, c.adam(model, 1e-3), digits(c), chain=names_of(model))


class Sparse(nn.Module):
    """A code of more units than there are pixels; gives the picture and the code beside it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, width), nn.ReLU())
        self.decoder = nn.Linear(width, 64)

    def forward(self, x: Tensor) -> Tensor:
        code = self.encoder(x)
        return torch.cat([self.decoder(code), code], 1)


@healthy(300)
def code_sparse_on_purpose(c: Conditions) -> Training:
    """An autoencoder with a price on every active unit: most are 0, and so they should be."""
    model = Sparse(c.width(160))
    batches = digits(c).to_themselves()

    def error(output: Tensor, x: Tensor) -> Tensor:
        shown, code = output[:, :64], output[:, 64:]
        return functional.mse_loss(shown, x) + 1e-3 * code.sum(1).mean()

    return supervised(c, model, c.adam(model, 3e-3), batches, error)
