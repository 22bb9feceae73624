"""Embeddings learnt from pairs: two towers, siamese nets, triplets.

Written before the rules were last changed; scored only at the end.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.data import Batches, digits
from evaluation.runs.loop import supervised
from evaluation.runs.mlp import stack
from evaluation.runs.run import Conditions, Training, healthy, sick


def _views(c: Conditions) -> Batches:
    """Two noisy views of one hidden vector each."""
    generator = torch.Generator().manual_seed(c.seed)
    hidden = torch.randn(3000, 12, generator=generator)
    one, other = (torch.randn(12, 20, generator=generator) / 12**0.5 for _ in range(2))
    x = torch.stack([hidden @ one, torch.tanh(2 * hidden @ other)], 1)
    x += 0.05 * torch.randn(x.shape, generator=generator)
    return Batches(x, torch.arange(len(x)), c.batch(64), c.seed)


def _which_belongs(logits: Tensor, y: Tensor) -> Tensor:
    """Cross-entropy of the right partner among those of the batch (InfoNCE)."""
    del y
    return functional.cross_entropy(logits, torch.arange(len(logits)))


class Towers(nn.Module):
    """A tower for each view, and a temperature that is learnt."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.left = stack([20, width, 16], nn.ReLU, gain=2**0.5)
        self.right = stack([20, width, 16], nn.ReLU, gain=2**0.5)
        self.scale = nn.Parameter(torch.tensor(math.log(10.0)))

    def forward(self, x: Tensor) -> Tensor:
        left = functional.normalize(self.left(x[:, 0]))
        right = functional.normalize(self.right(x[:, 1]))
        return self.scale.exp() * left @ right.T


@healthy(250)
def towers_with_temperature(c: Conditions) -> Training:
    """Two towers that pick their partner out of a batch, with a temperature that is learnt."""
    model = Towers(c.width(64))
    return supervised(c, model, c.adam(model, 5e-3), _views(c), _which_belongs)


class Bags(nn.Module):
    """Counts of words on both sides, embedded without a bias and brought to length 1.

    Args:
        width: of the embedding.
        guarded: whether a length of 0 is.
    """

    def __init__(self, width: int, *, guarded: bool) -> None:
        super().__init__()
        self.query = nn.Linear(40, width, bias=False)
        self.document = nn.Linear(40, width, bias=False)
        self.least = 1e-8 if guarded else 0.0

    def forward(self, x: Tensor) -> Tensor:
        query, document = self.query(x[:, 0]), self.document(x[:, 1])
        query = query / query.norm(dim=1, keepdim=True).clamp(min=self.least)
        document = document / document.norm(dim=1, keepdim=True).clamp(min=self.least)
        y: Tensor = 10 * query @ document.T
        return y


@sick(
    150,
    cause=("loss_nonfinite", "gradients_nonfinite"),
    cure="person",
    loss_nonfinite="",
    gradients_nonfinite="*",
    weights_nonfinite="*",
)
def towers_empty_document(c: Conditions) -> Training:
    """A handful of documents has no word that is known: a vector of length 0 is divided by it."""
    generator = torch.Generator().manual_seed(c.seed)
    topic = torch.randint(40, (3000, 3), generator=generator)
    words = functional.one_hot(topic, 40).sum(1).float()
    x = torch.stack([words, words.roll(7, 1)], 1)
    x[1000:1006, 1] = 0
    model = Bags(c.width(32), guarded=not c.sick)
    batches = Batches(x, topic, c.batch(64), c.seed)
    return supervised(c, model, c.adam(model, 1e-2), batches, _which_belongs)


class Twins(nn.Module):
    """One encoder for both views: vectors of both, side by side."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.encoder = stack([inputs, width, width, 16], nn.ReLU, gain=2**0.5)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.encoder(x)
        return y


@sick(250, cause="collapsed_outputs", cure="person", collapsed_outputs="")
def siamese_without_negatives(c: Conditions) -> Training:
    """Two views of a digit are pulled together and nothing holds others apart: all become one."""
    model = Twins(64, c.width(64))
    batches = digits(c)
    generator = torch.Generator().manual_seed(c.seed)
    first, second = (
        batches.x + 0.3 * torch.randn(batches.x.shape, generator=generator) for _ in range(2)
    )
    pairs = Batches(torch.stack([first, second], 1), batches.y, batches.size, c.seed)

    def criterion(output: Tensor, y: Tensor) -> Tensor:
        one, other = output[:, 0], output[:, 1]
        if c.sick and torch.is_grad_enabled():
            return 1 - functional.cosine_similarity(one, other).mean()
        logits = functional.normalize(one) @ functional.normalize(other).T
        return _which_belongs(10 * logits, y)

    return supervised(c, model, c.adam(model, 1e-2), pairs, criterion)


@sick(
    150,
    cause="gradients_nonfinite",
    cure="person",
    gradients_nonfinite="*",
    weights_nonfinite="*",
)
def siamese_distance_of_nothing(c: Conditions) -> Training:
    """Some pictures are their own partner: the root of a distance of exactly 0 has no slope."""
    data = digits(c)
    generator = torch.Generator().manual_seed(c.seed)
    partner = torch.empty(len(data.y), dtype=torch.long)
    for digit in range(10):
        own = (data.y == digit).nonzero()[:, 0]
        partner[own] = own[torch.randint(len(own), (len(own),), generator=generator)]
    alone = partner == torch.arange(len(partner))
    partner[alone] = partner.roll(1)[alone]
    partner[500:503] = torch.arange(500, 503)
    model = Twins(64, c.width(64))
    least = 0.0 if c.sick else 1e-6

    def criterion(output: Tensor, y: Tensor) -> Tensor:
        del y
        anchor, near = output[:, 0], output[:, 1]
        to_near = ((anchor - near).square().sum(1) + least).sqrt()
        to_far = ((anchor - near.roll(1, 0)).square().sum(1) + 1e-6).sqrt()
        return functional.relu(to_near - to_far + 1).mean()

    pairs = Batches(torch.stack([data.x, data.x[partner]], 1), data.y, data.size, c.seed)
    return supervised(c, model, c.adam(model, 2e-3), pairs, criterion)
