"""The models that a case can have. Each makes its own inputs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Generator, Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

IN = 5
"""Features of an input."""


class Trained(nn.Module):
    """A model of ``layers`` layers of ``width`` units that can say what it wants to be fed."""

    without: ClassVar[tuple[str, ...]] = ()
    """Loops and optimizers that torch has not implemented for it."""

    def __init__(self, layers: int, width: int) -> None:
        super().__init__()
        self.build(layers, width)

    def build(self, layers: int, width: int) -> None:
        """Makes the layers."""
        raise NotImplementedError

    def inputs(self, batch: int, generator: Generator) -> Any:
        """A random batch."""
        return torch.randn(batch, IN, generator=generator)


def dense(layers: int, width: int, activation: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    """A chain of linear layers with an activation function between them."""
    sizes = [IN, *[width] * layers]
    body = [part for low, high in pairwise(sizes) for part in (nn.Linear(low, high), activation())]
    return nn.Sequential(*body, nn.Linear(width, 3))


class Mlp(Trained):
    """Linear layers and ReLUs."""

    def build(self, layers: int, width: int) -> None:
        self.body = dense(layers, width)

    def forward(self, x: Tensor) -> Any:
        return self.body(x)


class Dropped(Mlp):
    """Dropout, which draws from torch's generator."""

    def build(self, layers: int, width: int) -> None:
        self.body = nn.Sequential(dense(layers, width, nn.Tanh), nn.Dropout(0.3))


class OneEntry(Mlp):
    """A single output, as of a critic."""

    def build(self, layers: int, width: int) -> None:
        self.body = nn.Sequential(dense(layers, width), nn.Linear(3, 1))


class Convolutional(Trained):
    """Convolutions with batch normalization, and in-place ReLUs."""

    def build(self, layers: int, width: int) -> None:
        self.first = nn.Conv2d(2, width, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
            )
            for _ in range(layers)
        )
        self.head = nn.Linear(width, 3)

    def inputs(self, batch: int, generator: Generator) -> Tensor:
        return torch.randn(batch + 1, 2, 6, 6, generator=generator)

    def forward(self, x: Tensor) -> Any:
        hidden = self.first(x)
        for block in self.blocks:
            hidden = hidden + block(hidden)
        return self.head(hidden.mean((2, 3)))


class Recurrent(Trained):
    """An LSTM over embedded tokens."""

    def build(self, layers: int, width: int) -> None:
        self.embedding = nn.Embedding(11, IN)
        self.body = nn.LSTM(IN, width, num_layers=min(layers, 2), batch_first=True)
        self.head = nn.Linear(width, 3)

    def inputs(self, batch: int, generator: Generator) -> Tensor:
        return torch.randint(0, 11, (batch, 7), generator=generator)

    def forward(self, tokens: Tensor) -> Any:
        return self.head(self.body(self.embedding(tokens))[0])


class Cells(Trained):
    """A GRU cell that is called in a loop: one module, many calls."""

    def build(self, layers: int, width: int) -> None:
        self.cell, self.head, self.calls = nn.GRUCell(IN, width), nn.Linear(width, 3), layers + 1

    def forward(self, x: Tensor) -> Any:
        hidden = x.new_zeros(len(x), self.cell.hidden_size)
        for _ in range(self.calls):
            hidden = self.cell(x, hidden)
        return self.head(hidden)


class Attention(Trained):
    """A layer of a transformer."""

    def build(self, layers: int, width: int) -> None:
        self.lift = nn.Linear(IN, 2 * width)
        self.body = nn.ModuleList(
            nn.TransformerEncoderLayer(2 * width, 2, 4 * width, batch_first=True)
            for _ in range(min(layers, 2))
        )
        self.head = nn.Linear(2 * width, 3)

    def inputs(self, batch: int, generator: Generator) -> Tensor:
        return torch.randn(batch, 4, IN, generator=generator)

    def forward(self, x: Tensor) -> Any:
        hidden = self.lift(x)
        for block in self.body:
            hidden = block(hidden)
        return self.head(hidden)


class Sparse(Trained):
    """An embedding whose gradient is sparse."""

    without: ClassVar[tuple[str, ...]] = (
        *("penalized", "closure", "lbfgs", "momentum", "rmsprop", "tensor_rate"),
        *("adam", "adamw_foreach", "adamw_fused", "clipped"),
    )

    def build(self, layers: int, width: int) -> None:
        self.embedding = nn.EmbeddingBag(20, IN, sparse=True)
        self.body = dense(layers, width)

    def inputs(self, batch: int, generator: Generator) -> Tensor:
        return torch.randint(0, 20, (batch, 4), generator=generator)

    def forward(self, tokens: Tensor) -> Any:
        return self.body(self.embedding(tokens))


class Tied(Trained):
    """Two layers that share their weight."""

    def build(self, layers: int, width: int) -> None:
        self.up, self.body, self.down = (
            nn.Linear(IN, width),
            nn.Sequential(*(nn.Linear(width, width) for _ in range(layers))),
            nn.Linear(IN, width, bias=False),
        )
        self.down.weight = self.up.weight

    def forward(self, x: Tensor) -> Any:
        return torch.tanh(self.body(torch.tanh(self.up(x)))) @ self.down.weight


class Parametrized(Trained):
    """Weights that are computed from others."""

    def build(self, layers: int, width: int) -> None:
        self.body = nn.Sequential(
            weight_norm(nn.Linear(IN, width)),
            *(weight_norm(nn.Linear(width, width)) for _ in range(layers)),
        )

    def forward(self, x: Tensor) -> Any:
        return self.body(x)


class Mapped(Mlp):
    """Keyword arguments in, nested containers out."""

    def inputs(self, batch: int, generator: Generator) -> dict[str, Tensor]:
        return {"x": super().inputs(batch, generator)}

    def forward(self, x: Tensor) -> Any:
        out = self.body(x)
        return {"logits": out, "more": [(out.mean(1), None), "text"]}


class Residual(Trained):
    """Branches that are added to a stream, with layer norm, half of them frozen."""

    def build(self, layers: int, width: int) -> None:
        self.lift, self.head = nn.Linear(IN, width), nn.Linear(width, 3)
        self.branches = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU())
            for _ in range(layers)
        )
        for branch in self.branches[::2]:
            branch.requires_grad_(requires_grad=False)

    def forward(self, x: Tensor) -> Any:
        hidden = self.lift(x)
        for branch in self.branches:
            hidden = hidden + branch(hidden)
        return self.head(hidden)


class HalfBrain(Mlp):
    """A part in bfloat16."""

    def build(self, layers: int, width: int) -> None:
        self.body, self.low = dense(layers, width), nn.Linear(3, 3).bfloat16()

    def forward(self, x: Tensor) -> Any:
        return self.low(self.body(x).bfloat16()).float()


class Unused(Mlp):
    """A head that no loss reaches, and parameters of the model itself."""

    def build(self, layers: int, width: int) -> None:
        self.body, self.spare = dense(layers, width), nn.Linear(3, 2)
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Any:
        return self.body(x) * self.scale


MODELS: dict[str, type[Trained]] = {
    "mlp": Mlp,
    "dropped": Dropped,
    "one_entry": OneEntry,
    "convolutional": Convolutional,
    "recurrent": Recurrent,
    "cells": Cells,
    "attention": Attention,
    "sparse": Sparse,
    "tied": Tied,
    "parametrized": Parametrized,
    "mapped": Mapped,
    "residual": Residual,
    "half_brain": HalfBrain,
    "unused": Unused,
}
