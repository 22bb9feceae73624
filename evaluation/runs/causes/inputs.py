"""Inputs that make every later symptom: their scale, a column, values that are NaN."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.cnn import chain_of, convolutions
from evaluation.runs.data import Batches, digits, images
from evaluation.runs.loop import supervised
from evaluation.runs.mlp import names_of, stack, tower
from evaluation.runs.run import Conditions, Training, healthy, sick


@sick(150, cause="bad_inputs", bad_inputs="")
def cnn_raw_range(c: Conditions) -> Training:
    """Pictures between -1,024 and 1,024 go in as a scanner gives them."""
    batches = images(c)
    if c.sick:
        batches = batches.changed((batches.x - batches.x.min()) / 4 * 2048 - 1024)
    model = convolutions(c, 3)
    optimizer = c.sgd(model, 0.02, momentum=0.9)
    return supervised(c, model, optimizer, batches, chain=chain_of(model))


@sick(200, cause="bad_inputs", bad_inputs="")
def cnn_other_statistics(c: Conditions) -> Training:
    """Pictures between 0 and 1, less the mean and over the deviation of bytes: all about −2.1."""
    batches = images(c)
    pixels = (batches.x - batches.x.min()) / (batches.x.max() - batches.x.min())
    batches = batches.changed((pixels - 127.5) / 60 if c.sick else (pixels - 0.3) / 0.3)
    model = convolutions(c, 3)
    optimizer = c.sgd(model, 0.02, momentum=0.9)
    return supervised(c, model, optimizer, batches, chain=chain_of(model))


@sick(200, cause="bad_inputs", bad_inputs="")
def mlp_huge_column(c: Conditions) -> Training:
    """One of 65 columns is a time stamp in seconds, beside others around 1."""
    batches = digits(c)
    generator = torch.Generator().manual_seed(7)
    times = torch.randn(len(batches.x), 1, generator=generator)
    batches = batches.changed(torch.cat([times * (1e5 if c.sick else 1.0), batches.x], 1))
    model = stack(tower(c, 2, 64, inputs=65), nn.ReLU, gain=2**0.5)
    return supervised(c, model, c.adam(model, 1e-3), batches, chain=names_of(model))


class Patchy(Batches):
    """The same batches, but one in so many has a value that is missing, as NaN."""

    every = 25

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        x, y = super().__getitem__(number)
        if number % self.every == self.every - 4:
            x = x.clone()
            x[3, 5] = float("nan")
        return x, y


@sick(150, onset=21, cause=("bad_inputs", "loss_nonfinite"), loss_nonfinite="", bad_inputs="")
def mlp_missing_values(c: Conditions) -> Training:
    """A rare batch has a missing value in one of its columns: one NaN, and all weights are gone."""
    batches = digits(c)
    if c.sick:
        batches = Patchy(batches.x, batches.y, batches.size, batches.seed)
    model = stack(tower(c, 2, 64), nn.ReLU, gain=2**0.5)
    return supervised(c, model, c.adam(model, 3e-3), batches, chain=names_of(model))


@healthy(200)
def mlp_normalized_inside(c: Conditions) -> Training:
    """Inputs between -1,000 and 1,000 into a norm layer that stands first for that purpose."""
    batches = digits(c)
    batches = batches.changed(batches.x * 400 + 100)
    model = nn.Sequential(nn.BatchNorm1d(64), *stack(tower(c, 2, 64), nn.ReLU, gain=2**0.5))
    chain = names_of(model, nn.Linear)
    return supervised(c, model, c.adam(model, 3e-3), batches, chain=chain)


@healthy(200)
def mlp_sparse_counts(c: Conditions) -> Training:
    """Word counts: nearly all inputs are 0, a few are as large as 30."""
    batches = digits(c)
    x = functional.relu(batches.x - 1.2)
    model = stack(tower(c, 2, 64), nn.ReLU, gain=2**0.5)
    return supervised(c, model, c.adam(model, 3e-3), batches.changed(x * 6), chain=names_of(model))
