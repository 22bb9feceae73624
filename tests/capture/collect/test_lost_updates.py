"""Weights in half precision swallow updates that are too small for them; the share is counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import SGD, Adam, Optimizer

Watch = Callable[..., Any]


def step(model: nn.Module, optimizer: Optimizer) -> dict[str, tuple[Tensor, Tensor, Tensor]]:
    """A step; gives the weight before, the gradient and the weight after it by name."""
    dtype = next(model.parameters()).dtype
    optimizer.zero_grad()
    model(torch.randn(8, 20, dtype=dtype)).float().square().mean().backward()
    before = {name: one.detach().clone() for name, one in model.named_parameters()}
    optimizer.step()
    return {
        name: (before[name], one.grad.clone(), one.detach().clone())
        for name, one in model.named_parameters()
        if one.grad is not None
    }


def network(dtype: torch.dtype) -> nn.Sequential:
    return nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 3)).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("rate", [1e-5, 1e-3, 1e-1])
@pytest.mark.parametrize("kind", [SGD, Adam])
def test_the_share_is_that_of_a_comparison_entry_by_entry(
    watch: Watch, dtype: torch.dtype, rate: float, kind: type[Optimizer]
) -> None:
    model = network(dtype)
    capture = watch(model)
    optimizer = (
        kind(model.parameters(), lr=rate, eps=1e-4)
        if kind is Adam
        else kind(  # type: ignore[call-arg]  # as both take it
            model.parameters(), lr=rate
        )
    )
    made = step(model, optimizer)
    for layer in ("0", "2"):
        lost = used = 0
        for name in ("weight", "bias"):
            before, gradient, after = made[f"{layer}.{name}"]
            pairs = zip(
                before.flatten().tolist(),
                gradient.flatten().tolist(),
                after.flatten().tolist(),
                strict=True,
            )
            for old, slope, new in pairs:
                used += slope != 0
                lost += slope != 0 and old == new
        assert capture.of("updates_lost_fraction", layer) == pytest.approx(lost / used)
    assert capture.problems == []


def test_of_a_rate_far_too_small_all_are_lost_and_of_a_large_one_none(watch: Watch) -> None:
    small, large = network(torch.bfloat16), network(torch.bfloat16)
    first, second = watch(small), watch(large)
    step(small, SGD(small.parameters(), lr=1e-8))
    step(large, SGD(large.parameters(), lr=1e4))
    assert first.of("updates_lost_fraction", "0") == 1
    assert second.of("updates_lost_fraction", "0") == 0


def test_it_is_not_measured_in_float32(watch: Watch) -> None:
    model = network(torch.float32)
    capture = watch(model)
    step(model, SGD(model.parameters(), lr=1e-12))
    assert "updates_lost_fraction" not in capture.frames[0].metrics


def test_nothing_is_lost_where_nothing_was_to_move(watch: Watch) -> None:
    model = network(torch.bfloat16)
    capture = watch(model)
    step(model, SGD(model.parameters(), lr=0.0))
    assert "updates_lost_fraction" not in capture.frames[0].metrics


@pytest.mark.parametrize("fused", [False, True])
def test_a_skipped_step_has_lost_nothing(watch: Watch, *, fused: bool) -> None:
    model = nn.Linear(4, 2, dtype=torch.bfloat16)
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.1, fused=fused)
    scaler = GradScaler("cpu", init_scale=4.0)
    loss = model(torch.ones(2, 4, dtype=torch.bfloat16)).float().sum() * float("inf")
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    assert capture.frames[0].skipped
    assert "updates_lost_fraction" not in capture.frames[0].metrics
    assert capture.problems == []
