"""Spectra of a few lines each: which substance it is, how much of it, what is behind the noise."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.data import Batches
from evaluation.runs.loop import supervised
from evaluation.runs.mlp import names_of
from evaluation.runs.run import Conditions, Training, healthy, sick

PLACES, SUBSTANCES = 48, 5


def _spectra(c: Conditions) -> Batches:
    """Spectra [2000, 1, places] of lines at places of their own, of any height, under noise."""
    generator = torch.Generator().manual_seed(4000 + c.seed)
    draw = partial(torch.rand, generator=generator)
    lines = torch.randint(4, PLACES - 4, (SUBSTANCES, 3), generator=generator)
    y = torch.randint(SUBSTANCES, (2000,), generator=generator)
    places = torch.arange(PLACES, dtype=torch.float32)
    shapes = (-0.5 * ((places - lines[..., None]) / 1.5).square()).exp().sum(1)
    x = (0.6 + 0.8 * draw(2000, 1)) * shapes[y] + 0.15 * (draw(2000, PLACES) - 0.5)
    return Batches(((x - x.mean()) / x.std())[:, None], y, c.batch(64), c.seed)


def _convolutions(c: Conditions, depth: int, width: int = 12) -> nn.Sequential:
    """That many convolutions with ReLU, drawn to keep their scale, and a linear layer."""
    channels = [1, *[c.width(width)] * depth]
    modules: list[nn.Module] = []
    for given, made in pairwise(channels):
        convolution = nn.Conv1d(given, made, 5, padding=2)
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        nn.init.zeros_(convolution.get_parameter("bias"))
        modules += [convolution, nn.ReLU()]
    return nn.Sequential(*modules, nn.AvgPool1d(4), nn.Flatten(), nn.Linear(12 * channels[-1], 5))


def _named(c: Conditions, model: nn.Sequential, rate: float, batches: Batches) -> Training:
    chain = names_of(model, nn.Conv1d, nn.Linear)
    return supervised(c, model, c.adam(model, rate), batches, chain=chain)


@sick(200, cause="bad_inputs", held_out=True, bad_inputs="")
def spectra_in_raw_counts(c: Conditions) -> Training:
    """A detector counts thousands, and the counts go in as they are."""
    batches = _spectra(c)
    if c.sick:
        batches = batches.changed(5000 + 900 * batches.x)
    model = _convolutions(c, 2)
    chain = names_of(model, nn.Conv1d, nn.Linear)
    return supervised(c, model, c.sgd(model, 0.02), batches, chain=chain)


@sick(150, cause="exploding_gradients", held_out=True, exploding_gradients="*")
def spectra_drawn_by_the_wrong_fan(c: Conditions) -> Training:
    """Twelve convolutions drawn by a formula that forgets the kernel: each makes it more."""
    model = _convolutions(c, 12)
    for one in model:
        if isinstance(one, nn.Conv1d) and c.sick:
            nn.init.normal_(one.weight, std=2 / one.in_channels**0.5)
    return _named(c, model, 1e-3, _spectra(c))


@sick(250, cause="dead_relu", held_out=True, dead_relu="*")
def spectra_biases_below_every_line(c: Conditions) -> Training:
    """Biases of the second layer start at -60, meant to make it sparse: none of it ever answers."""
    model = _convolutions(c, 2)
    if c.sick:
        nn.init.constant_(model[2].get_parameter("bias"), -60.0)
    return _named(c, model, 1e-3, _spectra(c))


@sick(200, cause="same_batch", cure="person", held_out=True, same_batch="")
def spectra_iterator_created_again(c: Conditions) -> Training:
    """``next(iter(loader))`` at every step, unshuffled: the loop never sees a second batch."""
    training = _named(c, _convolutions(c, 2), 1e-3, _spectra(c))
    loss = training.loss
    if c.sick:
        training.loss = lambda _: loss(0)
    return training


class TwoSided(nn.Module):
    """The lines by convolutions, the sum of the spectrum by a small net beside them."""

    def __init__(self, width: int, *, blind: bool) -> None:
        super().__init__()
        self.lines = nn.Sequential(nn.Conv1d(1, width, 5, padding=2), nn.ReLU(), nn.Flatten())
        self.whole = nn.Sequential(nn.Linear(PLACES, width), nn.Tanh(), nn.Linear(width, width))
        self.head = nn.Linear(PLACES * width + width, SUBSTANCES)
        self.blind = blind

    def forward(self, x: Tensor) -> Tensor:
        with torch.set_grad_enabled(not self.blind and torch.is_grad_enabled()):
            whole = self.whole(x.squeeze(1))
        y: Tensor = self.head(torch.cat([self.lines(x), whole], 1))
        return y


@sick(200, cause="no_gradient", cure="person", held_out=True, no_gradient="whole*")
def spectra_half_without_gradient(c: Conditions) -> Training:
    """One of two branches is left under the ``no_grad`` that served to look at it."""
    model = TwoSided(c.width(12), blind=c.sick)
    return supervised(c, model, c.adam(model, 1e-3), _spectra(c))


class Peaks(nn.Module):
    """Gives a mean and a variance for the height of a spectrum."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(PLACES, width), nn.SiLU(), nn.Linear(width, 2))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x.squeeze(1))
        return y


@healthy(300, held_out=True)
def heights_with_an_error_bar(c: Conditions) -> Training:
    """A Gaussian likelihood with a width that is learned: the loss goes through 0 and on down."""
    batches = _spectra(c)
    heights = batches.x.amax((1, 2))
    batches = Batches(batches.x, (heights - heights.mean()) / heights.std(), batches.size, c.seed)
    model = Peaks(c.width(32))

    def error(output: Tensor, y: Tensor) -> Tensor:
        return functional.gaussian_nll_loss(output[:, 0], y, output[:, 1].exp())

    return supervised(c, model, c.adam(model, 3e-3), batches, error)


@healthy(250, held_out=True)
def spectra_one_in_fifty(c: Conditions) -> Training:
    """One substance is sought and is in two of a hundred: a loss that is low at once, and then a
    few batches that stand out."""
    batches = _spectra(c)
    rare = batches.y == 0
    chosen = torch.cat([rare.nonzero()[:34, 0], (~rare).nonzero()[:, 0]])
    y = (batches.y[chosen] == 0).float()
    batches = Batches(batches.x[chosen], y, batches.size, c.seed)
    model = _convolutions(c, 2)
    model[-1] = nn.Linear(12 * c.width(12), 1)

    def error(output: Tensor, y: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(output.squeeze(1), y)

    return supervised(c, model, c.adam(model, 2e-3), batches, error)
