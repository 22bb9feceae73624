"""What gradwidget does grows with the layers, not with their square: counted in calls, not in time.

``make bench-scale`` measures it in time, up to 10,000 layers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from gradwidget import GradMonitor
from gradwidget.view.updates import Updates
from tests.support.scale.growth import exponent

SIZES = (25, 50, 100, 200)


def calls(do: Callable[[], Any]) -> tuple[int, Any]:
    """How many functions something calls, C's too, and what it gives."""
    count = 0

    def called(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(called)
    try:
        given = do()
    finally:
        sys.setprofile(None)
    return count, given


def counted(layers: int) -> dict[str, int]:
    """The calls of everything that happens with a network of so many layers."""
    torch.manual_seed(0)
    parts = [part for _ in range(layers) for part in (nn.Linear(4, 4), nn.Tanh())]
    model = nn.Sequential(*parts)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step() -> None:
        optimizer.zero_grad()
        model(torch.ones(8, 4)).square().mean().backward()
        optimizer.step()

    step()
    plain, _ = calls(step)
    found: dict[str, int] = {}
    found["attaching"], monitor = calls(lambda: GradMonitor(model, budget=None))
    found["the first step"] = calls(step)[0] - plain
    for _ in range(10):
        step()
    found["a sampled step"] = calls(step)[0] - plain
    updates = Updates(monitor._session, "Sequential", [])
    found["a page that opens"], _ = calls(updates.answer)
    found["a report"], _ = calls(monitor.report)
    found["a full report"], _ = calls(lambda: monitor.report(full=True))
    monitor.close()
    return found


@pytest.mark.slow
def test_calls_are_proportional_to_layers() -> None:
    found = [counted(layers) for layers in SIZES]
    powers = {name: exponent(SIZES, [one[name] for one in found]) for name in found[0]}
    assert {name: power for name, power in powers.items() if power > 1.1} == {}


def test_the_exponent_is_that_of_the_growth() -> None:
    sizes = [10, 100, 1000, 10_000]
    assert exponent(sizes, [7.0] * 4) == pytest.approx(0)
    assert exponent(sizes, [3 * size**1.5 for size in sizes]) == pytest.approx(1.5)
    assert exponent(sizes, [max(500, size) for size in sizes]) == pytest.approx(1)
