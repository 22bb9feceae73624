"""The data that the runs learn from: shipped with scikit-learn, or generated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional

from evaluation.runs.run import Conditions

PROBE = 128
"""Samples of the batch that stays the same."""


@dataclass(frozen=True)
class Batches:
    """Training batches by number, always the same ones, and one batch that stays the same."""

    x: Tensor
    y: Tensor
    size: int
    seed: int

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
        chosen = torch.randint(len(self.x), (self.size,), generator=generator)
        return self.x[chosen], self.y[chosen]

    @property
    def probe(self) -> tuple[Tensor, Tensor]:
        return self.x[:PROBE], self.y[:PROBE]

    def changed(self, x: Tensor) -> Batches:
        """The same batches with other inputs."""
        return Batches(x, self.y, self.size, self.seed)

    def to_themselves(self, change: Callable[[Tensor], Tensor] | None = None) -> Batches:
        """The same inputs with themselves as targets, or with what is made of them."""
        return Batches(self.x, self.x if change is None else change(self.x), self.size, self.seed)


@cache
def _digits() -> tuple[Tensor, Tensor]:
    bunch = load_digits()
    x = torch.tensor(bunch.data, dtype=torch.float32)
    x = (x - x.mean()) / x.std()
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    return x[order], torch.tensor(bunch.target)[order]


def digits(conditions: Conditions, size: int = 64) -> Batches:
    """1,797 handwritten digits of 64 pixels, standardized, and their classes."""
    x, y = _digits()
    return Batches(x, y, conditions.batch(size), conditions.seed)


def images(conditions: Conditions, size: int = 32) -> Batches:
    """The digits as images of one channel and 8×8 pixels."""
    x, y = _digits()
    return Batches(x.reshape(-1, 1, 8, 8), y, conditions.batch(size), conditions.seed)


def adding(conditions: Conditions, length: int, size: int = 32) -> Batches:
    """The adding problem (LSTM, 1997): the sum of the two numbers of a sequence that are marked."""
    generator = torch.Generator().manual_seed(1000 + conditions.seed)
    count = 1000
    numbers = torch.rand(count, length, generator=generator)
    marks = torch.zeros(count, length)
    half = length // 2
    rows = torch.arange(count)
    marks[rows, torch.randint(half, (count,), generator=generator)] = 1
    marks[rows, half + torch.randint(length - half, (count,), generator=generator)] = 1
    x = torch.stack([numbers, marks], -1)
    y = (numbers * marks).sum(1, keepdim=True)
    return Batches(x, y, conditions.batch(size), conditions.seed)


def copy_memory(conditions: Conditions, length: int, size: int = 32) -> Batches:
    """The class of the first symbol of a sequence of noise is asked for at its end."""
    generator = torch.Generator().manual_seed(2000 + conditions.seed)
    count, classes = 1000, 4
    y = torch.randint(classes, (count,), generator=generator)
    x = 0.1 * torch.randn(count, length, classes, generator=generator)
    x[:, 0] += functional.one_hot(y, classes)
    return Batches(x, y, conditions.batch(size), conditions.seed)


@cache
def _text() -> tuple[Tensor, int]:
    characters = load_digits().DESCR.lower()
    alphabet = sorted(set(characters))
    return torch.tensor([alphabet.index(character) for character in characters]), len(alphabet)


def alphabet_size() -> int:
    """How many different characters the text has."""
    return _text()[1]


def text(conditions: Conditions, length: int, size: int = 16) -> Batches:
    """Pieces of an English text as character numbers; the target is the next character."""
    codes, _ = _text()
    windows = codes.unfold(0, length + 1, 1)
    generator = torch.Generator().manual_seed(3000 + conditions.seed)
    windows = windows[torch.randperm(len(windows), generator=generator)]
    return Batches(windows[:, :-1], windows[:, 1:], conditions.batch(size), conditions.seed)


def next_character(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy over every place of every sequence."""
    return functional.cross_entropy(logits.flatten(0, 1), target.flatten())
