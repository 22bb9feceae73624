"""The frame says how the optimizer that stepped was set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import LBFGS, SGD, Adam, AdamW, Optimizer

Watch = Callable[..., Any]
NAMES = ("weight_decay", "momentum", "eps", "maximize")


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda weights: SGD(weights, 0.1), {"weight_decay": 0.0, "momentum": 0.0}),
        (
            lambda weights: SGD(weights, 0.1, momentum=0.9, weight_decay=5e-4),
            {"weight_decay": 5e-4, "momentum": 0.9},
        ),
        (
            lambda weights: Adam(weights, betas=(0.8, 0.99), eps=1e-6),
            {"weight_decay": 0.0, "momentum": 0.8, "eps": 1e-6},
        ),
        (
            lambda weights: AdamW(
                [
                    {"params": weights[:1], "weight_decay": 0.0},
                    {"params": weights[1:], "weight_decay": 0.3},
                ]
            ),
            {"weight_decay": 0.3, "momentum": 0.9, "eps": 1e-8},
        ),
        (
            lambda weights: SGD(weights, 0.1, maximize=True),
            {"weight_decay": 0.0, "momentum": 0.0, "maximize": 1.0},
        ),
    ],
    ids=["sgd", "momentum", "adam", "groups", "maximize"],
)
def test_its_settings_are_scalars_of_the_frame(
    watch: Watch, make: Callable[[Any], Optimizer], expected: dict[str, float]
) -> None:
    model = nn.Linear(4, 2)
    capture = watch(model)
    optimizer = make(list(model.parameters()))
    model(torch.ones(3, 4)).sum().backward()
    optimizer.step()
    scalars = capture.frames[0].scalars
    assert {name: scalars[name] for name in NAMES if name in scalars} == expected
    assert capture.problems == []


def test_what_an_optimizer_has_not_is_absent(watch: Watch) -> None:
    model = nn.Linear(4, 2)
    capture = watch(model)
    optimizer = LBFGS(model.parameters())

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss: torch.Tensor = model(torch.ones(3, 4)).square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert not set(NAMES) & set(capture.frames[0].scalars)
