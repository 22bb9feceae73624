"""Losses that only draw outputs together are told from all that keep them apart.

The truth is tried beside it: such a loss is as low as it gets where all outputs are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.capture.collect.wiring.loop import Watch, wiring

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Of what two views of some samples become, and of what a head makes of the first."""

N, WIDTH = 8, 4
cosine = functional.cosine_similarity


class Views(nn.Module):
    def __init__(self, loss: Loss) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(WIDTH, 6), nn.ReLU(), nn.Linear(6, WIDTH))
        self.head = nn.Linear(WIDTH, WIDTH)
        self.loss = loss

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.encoder(x), self.encoder(x + 0.1)
        return self.loss(first, second, self.head(first))


def is_told(watch: Watch, loss: Loss) -> bool:
    found = wiring(watch, Views(loss), N, WIDTH, loss=lambda output: output, steps=3)
    return "pulled together" in found.obstacles


def along(x: Tensor) -> Tensor:
    return functional.normalize(x, dim=-1)


@pytest.mark.parametrize(
    "loss",
    [
        lambda a, b, _: -cosine(a, b).mean(),
        lambda a, b, _: 1 - cosine(a, b).mean(),
        lambda a, b, _: -1 * cosine(a, b, dim=1).sum() / N,
        lambda a, b, _: (2 - 2 * (along(a) * along(b)).sum(-1)).mean(),
        lambda a, b, p: -cosine(p, b).mean() / 2 - cosine(p, a).mean() / 2,
        lambda _, b, p: functional.mse_loss(p, b),
        lambda a, b, _: 0.5 * (a - b).pow(2).sum(1).mean(),
        lambda a, b, _: (a - b).norm(dim=1).mean(),
        lambda a, b, _: (a - b).abs().mean() + functional.mse_loss(along(a), along(b)),
        lambda a, *_: 1 - cosine(a[: N // 2], a[N // 2 :]).mean(),
    ],
)
def test_such_a_loss_is_told_and_is_least_where_all_are_the_same(watch: Watch, loss: Any) -> None:
    assert is_told(watch, loss)
    same = torch.ones(N, WIDTH)
    least = loss(same, same, same)
    for _ in range(20):
        assert least <= loss(*torch.randn(3, N, WIDTH)) + 1e-6


def contrast(a: Tensor, b: Tensor, _: Tensor) -> Tensor:
    return functional.cross_entropy(along(a) @ along(b).T, torch.arange(N))


@pytest.mark.parametrize(
    "loss",
    [
        contrast,
        lambda _, b, p: -cosine(p, b.detach()).mean(),  # a gradient that is stopped
        lambda a, b, _: functional.triplet_margin_loss(a, b, a.roll(1, 0)),
        # A term for the variance, and one for what outputs have in common.
        lambda a, b, _: functional.mse_loss(a, b) + functional.relu(1 - a.std(0)).mean(),
        lambda a, b, _: (a.T @ b - torch.eye(WIDTH)).square().mean(),
        # Others are pushed apart by as much.
        lambda a, b, _: (a - b).square().mean() - (a - b.roll(1, 0)).square().mean(),
        lambda a, b, _: cosine(a, b).mean(),
        lambda a, b, _: cosine(a, b).square().mean(),
        lambda a, b, _: -functional.mse_loss(a, b),
        # Targets, of some outputs, of their difference or beside them.
        lambda a, *_: functional.mse_loss(a, torch.ones(N, WIDTH)),
        lambda a, b, _: (a - (1 + 0.9 * b)).square().mean(),
        lambda a, b, _: ((a - b).norm(dim=1) - 1).square().mean(),
        lambda a, b, _: (
            functional.mse_loss(a, b) + functional.cross_entropy(a, torch.ones(N).long())
        ),
        lambda a, b, _: a.mean() - b.mean(),  # a critic
        lambda a, *_: a.square().mean(),
        lambda a, b, _: -(a * b).sum(1).mean(),
    ],
)
def test_silent_where_something_keeps_them_apart_or_says_where_they_are_to_be(
    watch: Watch, loss: Any
) -> None:
    assert not is_told(watch, loss)


def test_silent_on_the_two_sides_of_a_differential_equation(watch: Watch) -> None:
    class Equation(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 1))

        def forward(self, x: Tensor) -> Tensor:
            x = x.requires_grad_()
            [slope] = torch.autograd.grad(self.net(x).sum(), x, create_graph=True)
            [curve] = torch.autograd.grad(slope[:, 0].sum(), x, create_graph=True)
            return (slope[:, 1:] - curve[:, :1]).square().mean()

    found = wiring(watch, Equation(), N, 2, loss=lambda output: output, steps=3)
    assert "pulled together" not in found.obstacles


def test_silent_on_two_networks_that_share_nothing(watch: Watch) -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = nn.Linear(WIDTH, 3), nn.Linear(WIDTH, 3)

        def forward(self, x: Tensor) -> Tensor:
            return functional.mse_loss(self.one(x), self.other(x))

    found = wiring(watch, Two(), N, WIDTH, loss=lambda output: output, steps=3)
    assert "pulled together" not in found.obstacles
