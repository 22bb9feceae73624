"""An optimizer that makes NaN of finite gradients is the origin, in that step and after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam

from gradwidget.frame import NonfiniteOrigin

Watch = Callable[..., Any]


def half() -> Any:
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).half()


def train(model: nn.Sequential, optimizer: torch.optim.Optimizer, steps: int) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        # A unit that is never active has gradients that are exactly 0, and Adam's 0 / (0 + eps).
        model(torch.ones(4, 6, dtype=torch.float16)).float().square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("budget", [None, 0.01])
def test_an_eps_that_is_0_in_half_precision(watch: Watch, budget: float | None) -> None:
    model = half()
    with torch.no_grad():
        model[0].bias[0] = -10.0
    capture = watch(model, budget=budget)
    train(model, Adam(model.parameters(), lr=1e-3, eps=1e-8, foreach=False), 4)
    assert not bool(torch.isfinite(model[0].weight).all())
    first = capture.frames[0]
    assert first.origin == NonfiniteOrigin("update", "0")
    assert first.metrics["weight_nonfinite"].tolist() == [0, 0]
    assert first.metrics["grad_nonfinite"].tolist() == [0, 0]
    assert [frame.origin for frame in capture.frames] == [first.origin] * 4
    assert capture.frames[1].metrics["weight_nonfinite"][0] > 0
    assert capture.problems == []


def test_an_update_that_overflows(watch: Watch) -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    capture = watch(model)
    (100 * model(torch.ones(1, 2)).sum()).backward()
    SGD(model[1].parameters(), lr=1e38).step()
    assert capture.frames[0].origin == NonfiniteOrigin("update", "1")


def test_a_nan_gradient_is_the_origin_of_the_nan_update(watch: Watch) -> None:
    model = nn.Linear(2, 1)
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.1)
    model(torch.ones(1, 2)).sum().backward()
    assert model.weight.grad is not None
    model.weight.grad[0, 0] = float("nan")
    optimizer.step()
    assert capture.frames[0].origin == NonfiniteOrigin("backward", "(root)")


def test_weights_that_are_mended_end_it(watch: Watch) -> None:
    model = nn.Linear(2, 1)
    capture = watch(model)
    for rate in (1e38, 0.1, 0.1, 0.1):
        optimizer = SGD(model.parameters(), lr=rate)
        (100 * model(torch.ones(1, 2)).sum()).backward()
        optimizer.step()
        optimizer.zero_grad()
        if capture.step == 2:
            nn.init.ones_(model.weight)
            nn.init.ones_(model.bias)
        if capture.step == 3:
            nn.init.constant_(model.weight, float("nan"))
    origins = [frame.origin for frame in capture.frames]
    update = NonfiniteOrigin("update", "(root)")
    assert origins == [update, update, None, NonfiniteOrigin("weights", "(root)")]
