"""Derivatives that a loss is made of and that have no graph: an independent look at the term tells.

What a term teaches is what the gradient of it alone is: a term without a graph has none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import SGD

Watch = Callable[..., Any]
Loss = Callable[[nn.Module, Tensor], Tensor]


def is_lost(watch: Watch, loss: Loss, width: int = 1) -> bool:
    """Whether a step says so whose data has so many columns."""
    model = nn.Sequential(nn.Linear(width, 6), nn.Tanh(), nn.Linear(6, 1))
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.01)
    optimizer.zero_grad()
    loss(model, torch.rand(16, width, requires_grad=True)).backward()
    optimizer.step()
    assert capture.problems == []
    return bool(capture.frames[0].scalars.get("lost_derivatives", 0.0))


def slope(u: Tensor, x: Tensor, *, kept: bool) -> Tensor:
    found = torch.autograd.grad(u, x, torch.ones_like(u), create_graph=kept, retain_graph=True)
    return found[0]


def border(model: nn.Module) -> Tensor:
    return torch.as_tensor((model(torch.zeros(4, 1)) - 1).square().mean())


def first_order(model: nn.Module, x: Tensor, *, kept: bool) -> Tensor:
    return torch.as_tensor((slope(model(x), x, kept=kept) - 2).square().mean() + border(model))


def with_values(model: nn.Module, x: Tensor, *, kept: bool) -> Tensor:
    u = model(x)
    return torch.as_tensor((slope(u, x, kept=kept) + 3 * u).square().mean())


def second_order(model: nn.Module, x: Tensor, *, kept: bool) -> Tensor:
    u = model(x)
    first = slope(u, x, kept=True)
    return (slope(first, x, kept=kept) + first).square().mean() + border(model)


def weighted(model: nn.Module, x: Tensor, *, kept: bool) -> Tensor:
    u = model(x)
    [du] = torch.autograd.grad(u.sum(), x, create_graph=kept, retain_graph=True)
    return 10 * border(model) + 0.1 * functional.mse_loss(du, torch.ones_like(du))


@pytest.mark.parametrize("equation", [first_order, with_values, second_order, weighted])
def test_a_derivative_without_a_graph_is_told_from_one_with(
    watch: Watch, equation: Callable[..., Tensor]
) -> None:
    assert is_lost(watch, lambda model, x: equation(model, x, kept=False))
    assert not is_lost(watch, lambda model, x: equation(model, x, kept=True))


def error(model: nn.Module, x: Tensor) -> Tensor:
    return torch.as_tensor((model(x) - 1).square().mean())


def attacked(model: nn.Module, x: Tensor) -> Tensor:
    """Adversarial training: the derivative is that of an error, and only moves the data."""
    [direction] = torch.autograd.grad(error(model, x), x)
    return error(model, x.detach()) + error(model, (x + 0.1 * direction.sign()).detach())


def attacked_in_a_sum(model: nn.Module, x: Tensor) -> Tensor:
    """What is added up begins with a number, which has no graph either."""
    total = torch.as_tensor(0.0)
    [direction] = torch.autograd.grad(error(model, x), x)
    for one in (x.detach(), (x + 0.1 * direction.sign()).detach()):
        total = total + error(model, one)
    return total


def sampled_by_energy(model: nn.Module, x: Tensor) -> Tensor:
    """An energy-based model: its slope leads to the samples that it is to think less of."""
    [slope_of_energy] = torch.autograd.grad(model(x).sum(), x)
    made = (x - 0.1 * slope_of_energy).detach()
    return torch.as_tensor(model(x.detach()).mean() - model(made).mean())


def attacked_by_hand(model: nn.Module, x: Tensor) -> Tensor:
    [direction] = torch.autograd.grad((model(x) - x).square().sum(), x)
    moved = model((x + 0.1 * direction).detach())
    return torch.as_tensor((moved - x.detach()).square().mean())


def looked_at(model: nn.Module, x: Tensor) -> Tensor:
    """A map of what matters to the output, as for a picture."""
    torch.autograd.grad(model(x).sum(), x)
    return functional.mse_loss(model(x), torch.ones(len(x), 1)) + border(model)


def with_penalty(model: nn.Module, x: Tensor) -> Tensor:
    size = slope(model(x), x, kept=True).norm(dim=1)
    return torch.as_tensor(error(model, x) + (size - 1).square().mean())


@pytest.mark.parametrize(
    "loss",
    [
        error,
        attacked,
        attacked_in_a_sum,
        attacked_by_hand,
        sampled_by_energy,
        looked_at,
        with_penalty,
    ],
)
def test_silent_where_derivatives_are_used_otherwise_or_with_a_graph(
    watch: Watch, loss: Loss
) -> None:
    assert not is_lost(watch, loss)


def test_silent_on_a_map_of_many_columns_beside_an_error_by_hand(watch: Watch) -> None:
    def loss(model: nn.Module, x: Tensor) -> Tensor:
        torch.autograd.grad(model(x).sum(), x)
        return error(model, x)

    assert not is_lost(watch, loss, width=4)
