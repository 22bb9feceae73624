"""Numbers to be predicted: prices of houses, and directions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.data import Batches
from evaluation.runs.loop import supervised
from evaluation.runs.mlp import names_of, stack
from evaluation.runs.run import Conditions, Training, healthy, sick

FEATURES = 8


def _prices(c: Conditions, mean: float = 0.0, unit: float = 1.0, noise: float = 0.0) -> Batches:
    """Standardized features of 2000 houses and a price of each, of that mean and spread.

    ``noise`` is how many times as much as what the features say is added that they do not.
    """
    generator = torch.Generator().manual_seed(c.seed)
    x = torch.randn(2000, FEATURES, generator=generator)
    weight = torch.randn(FEATURES, 4, generator=generator) / FEATURES**0.5
    y = torch.tanh(1.5 * x @ weight).sum(1) + 0.3 * x[:, 0]
    if noise:
        y = y + noise * y.std() * torch.randn(len(y), generator=generator)
    return Batches(x, mean + unit * (y - y.mean()) / y.std(), c.batch(64), c.seed)


def _net(c: Conditions, last: nn.Module | None = None) -> nn.Sequential:
    model = stack([FEATURES, c.width(48), c.width(48), 1], nn.ReLU, gain=2**0.5)
    nn.init.normal_(list(model.parameters())[-2], std=0.1 / c.width(48) ** 0.5)
    if last is not None:
        model.append(last)
    return model


def _error(output: Tensor, y: Tensor) -> Tensor:
    return functional.mse_loss(output.squeeze(1), y)


@sick(
    250,
    cause=("double_softmax", "plateau", "collapsed_outputs"),
    cure="person",
    double_softmax="",
    plateau="",
)
def prices_compared_with_all_others(c: Conditions) -> Training:
    """``output - y`` of [N, 1] and [N] is [N, N]: each price is held against every other."""
    model = _net(c)

    def everyone(output: Tensor, y: Tensor) -> Tensor:
        return (output - y).square().mean()

    error = everyone if c.sick else _error
    return supervised(c, model, c.adam(model, 5e-3), _prices(c), error, chain=names_of(model))


@sick(
    250,
    cause=("collapsed_outputs", "plateau", "zero_gradient"),
    cure="person",
    collapsed_outputs="",
    plateau="",
)
def prices_after_a_norm_of_one(c: Conditions) -> Training:
    """A layer norm over the single number that is the answer: it takes all of it away."""
    model = _net(c, nn.LayerNorm(1) if c.sick else None)
    return supervised(c, model, c.adam(model, 5e-3), _prices(c), _error)


@sick(600, cause="plateau", cure="person", plateau="")
def prices_of_other_houses(c: Conditions) -> Training:
    """Features and prices are shuffled each by themselves: nothing but the mean can be learned."""
    model = _net(c)

    def of_others(output: Tensor, y: Tensor) -> Tensor:
        return _error(output, y[torch.randperm(len(y))])

    error = of_others if c.sick else _error
    return supervised(c, model, c.adam(model, 5e-3), _prices(c), error, chain=names_of(model))


@healthy(600)
def prices_mostly_noise(c: Conditions) -> Training:
    """A fifth of the variance can be explained, and is."""
    model = _net(c)
    batches = _prices(c, noise=2.0)
    return supervised(c, model, c.adam(model, 2e-3), batches, _error, chain=names_of(model))


@sick(250, cause=("dead_relu", "lr_too_high"), dead_relu="*")
def prices_all_at_their_mean(c: Conditions) -> Training:
    """Prices around 100: the first updates throw every ReLU below 0, and only the bias learns."""
    model = _net(c)
    if not c.sick:
        nn.init.constant_(list(model.parameters())[-1], 100.0)
    batches = _prices(c, 100.0, 5.0)
    return supervised(c, model, c.sgd(model, 0.005), batches, _error, chain=names_of(model))


@sick(
    250,
    cause=("gradients_nonfinite", "loss_nonfinite"),
    cure="person",
    gradients_nonfinite="*",
    weights_nonfinite="*",
    loss_nonfinite="",
)
def direction_by_its_angle(c: Conditions) -> Training:
    """The error is an angle, by ``acos`` of a cosine that may be 1, or a rounding more."""
    generator = torch.Generator().manual_seed(c.seed)
    x = torch.randn(2000, FEATURES, generator=generator)
    true = functional.normalize(x @ torch.randn(FEATURES, 3, generator=generator), dim=1)
    model = nn.Linear(FEATURES, 3)

    def angle(output: Tensor, y: Tensor) -> Tensor:
        cosine = (functional.normalize(output, dim=1) * y).sum(1)
        return torch.acos(cosine if c.sick else cosine.clamp(-0.9999, 0.9999)).mean()

    batches = Batches(x, true, c.batch(64), c.seed)
    return supervised(c, nn.Sequential(model), c.adam(model, 1e-2), batches, angle)
