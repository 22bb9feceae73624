"""The five networks that the cost is measured on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import SGD, Optimizer


@dataclass
class Workload:
    """A model, its optimizer and one step of its loop."""

    model: nn.Module
    optimizer: Optimizer
    loss: Callable[[nn.Module], Tensor]

    def step(self) -> None:
        """One optimizer step on the same batch every time."""
        self.optimizer.zero_grad()
        self.loss(self.model).backward()
        self.optimizer.step()


def mlp() -> Workload:
    """30 × Linear(64), batch 64."""
    model = nn.Sequential(*[layer for _ in range(30) for layer in (nn.Linear(64, 64), nn.ReLU())])
    x = torch.randn(64, 64)
    return Workload(model, SGD(model.parameters(), lr=1e-3), lambda model: model(x).square().mean())


class Block(nn.Module):
    """The basic block of ResNet-18 (arXiv 1512.03385)."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(outside)
        self.second = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(outside)
        self.shortcut = nn.Sequential()
        if stride != 1 or inside != outside:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside)
            )

    def forward(self, x: Tensor) -> Tensor:
        """The sum of both branches."""
        y = functional.relu(self.first_norm(self.first(x)), inplace=True)
        return functional.relu(self.second_norm(self.second(y)) + self.shortcut(x), inplace=True)


def resnet() -> Workload:
    """ResNet-18 at 64 × 64, batch 16."""
    widths = [64, 64, 64, 128, 128, 256, 256, 512, 512]
    blocks = [Block(a, b, 1 if a == b else 2) for a, b in pairwise(widths)]
    stem = [
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
    ]
    model = nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))
    x, y = torch.randn(16, 3, 64, 64), torch.randint(0, 10, (16,))
    return Workload(
        model, SGD(model.parameters(), lr=1e-3), lambda model: functional.cross_entropy(model(x), y)
    )


def transformer() -> Workload:
    """Six encoder layers, d = 256, 8 × 64 tokens."""
    layer = nn.TransformerEncoderLayer(256, 4, 1024, dropout=0.0, batch_first=True, norm_first=True)
    encoder = nn.TransformerEncoder(layer, 6, enable_nested_tensor=False)
    model = nn.Sequential(nn.Embedding(1000, 256), encoder, nn.Linear(256, 1000))
    x = torch.randint(0, 1000, (8, 64))
    return Workload(
        model,
        torch.optim.AdamW(model.parameters(), lr=1e-4),
        lambda model: functional.cross_entropy(model(x).flatten(0, 1), x.flatten()),
    )


class Sequence(nn.Module):
    """A two-layer LSTM with a head on its last output."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(32, 64, 2)
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Scores."""
        scores: Tensor = self.head(self.rnn(x)[0][-1])
        return scores


def lstm() -> Workload:
    """Two-layer LSTM, 100 time steps, batch 32."""
    model = Sequence()
    x, y = torch.randn(100, 32, 32), torch.randint(0, 10, (32,))
    return Workload(
        model, SGD(model.parameters(), lr=1e-2), lambda model: functional.cross_entropy(model(x), y)
    )


def thousand() -> Workload:
    """1,000 small parameter tensors: 500 × Linear(8), batch 32."""
    model = nn.Sequential(
        *[layer for _ in range(500) for layer in (nn.Linear(8, 8), nn.Identity())]
    )
    x = torch.randn(32, 8)
    return Workload(model, SGD(model.parameters(), lr=1e-3), lambda model: model(x).square().mean())


WORKLOADS: dict[str, Callable[[], Workload]] = {
    "mlp": mlp,
    "resnet": resnet,
    "transformer": transformer,
    "lstm": lstm,
    "thousand": thousand,
}
