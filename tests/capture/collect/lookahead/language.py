"""Small language models, and what is said of runs of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import SGD

Watch = Callable[..., Any]
Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
TOKENS, LENGTH, SAMPLES, WIDTH = 11, 9, 6, 8


def text(samples: int = SAMPLES, length: int = LENGTH + 1) -> Tensor:
    return torch.randint(1, TOKENS, (samples, length))


def later(length: int) -> Tensor:
    """Bool [length, length]: what comes after each position."""
    return torch.ones(length, length, dtype=torch.bool).triu(1)


class Model(nn.Module):
    """Tokens, one attention over them, and a head."""

    def __init__(self, attend: Attend, heads: int = 2) -> None:
        super().__init__()
        self.embed, self.places = nn.Embedding(TOKENS, WIDTH), nn.Embedding(64, WIDTH)
        self.q, self.k, self.v = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.head = nn.Linear(WIDTH, TOKENS)
        self.attend, self.heads = attend, heads

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens) + self.places(torch.arange(tokens.shape[1]))
        q, k, v = (
            one(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for one in (self.q, self.k, self.v)
        )
        return torch.as_tensor(self.head(x + self.attend(q, k, v).transpose(1, 2).flatten(2)))


class Stack(nn.Module):
    """Torch's own layers."""

    def __init__(self, *, dropout: float = 0.0, **mask: Any) -> None:
        super().__init__()
        self.embed = nn.Embedding(TOKENS, WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, 2, 16, dropout=dropout, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, TOKENS)
        self.mask = mask

    def forward(self, tokens: Tensor) -> Tensor:
        return torch.as_tensor(self.head(self.encoder(self.embed(tokens), **self.mask)))


def by_hand(
    q: Tensor, k: Tensor, v: Tensor, *, hide: Callable[[Tensor], Tensor], dropout: float = 0.0
) -> Tensor:
    weights = hide(q @ k.transpose(-1, -2) / 2).softmax(-1)
    return functional.dropout(weights, dropout) @ v


def with_einsum(q: Tensor, k: Tensor, v: Tensor, *, hide: Callable[[Tensor], Tensor]) -> Tensor:
    scores = hide(torch.einsum("bhqd,bhkd->bhqk", q, k))
    return torch.einsum("bhqk,bhkd->bhqd", scores.softmax(-1), v)


def after_softmax(q: Tensor, k: Tensor, v: Tensor, *, mask: Tensor) -> Tensor:
    weights = (q @ k.transpose(-1, -2)).softmax(-1) * mask
    return (weights / weights.sum(-1, keepdim=True)) @ v


def next_tokens(model: nn.Module, s: Tensor) -> Tensor:
    return functional.cross_entropy(model(s[:, :-1]).flatten(0, 1), s[:, 1:].flatten())


def found(
    watch: Watch,
    model: nn.Module,
    loss: Callable[[Any, Tensor], Tensor] = next_tokens,
    data: Callable[[], Tensor] = text,
    steps: int = 4,
) -> tuple[str, ...] | None:
    """What is said of a run of a few steps; None where nothing is."""
    capture, optimizer = watch(model), SGD(model.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(model, data()).backward()
        optimizer.step()
    assert capture.problems == []
    words: tuple[str, ...] | None = capture.frames[-1].wiring.obstacles.get("sees targets")
    return words


def open_to_all(scores: Tensor) -> Tensor:
    return scores
