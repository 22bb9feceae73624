"""How much the inputs of the last layers differ over a batch is what arithmetic says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD

from gradwidget.capture.stats.batch_spread import batch_spread
from gradwidget.capture.stats.readback import Readback

Watch = Callable[..., Any]


def truth(given: Tensor) -> float:
    y = given.detach().double().flatten(1)
    return float((1 - len(y) * y.mean(0).square().sum() / y.square().sum()).sqrt())


def measured(capture: Any, frame: int = -1) -> dict[str, float]:
    taken = capture.frames[frame]
    rows = np.flatnonzero(taken.is_measured("input_spread"))
    return {taken.layers[row].name: float(taken.metrics["input_spread"][row]) for row in rows}


def train(model: nn.Module, x: Tensor, steps: int = 3) -> None:
    optimizer = SGD(model.parameters(), lr=1e-7)
    for _ in range(steps):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("shape", [(4, 6), (32, 6), (5, 7, 6)])
@pytest.mark.parametrize("offset", [0.0, 3.0, 1e3])
def test_of_the_last_layer_from_the_first_step_on(
    watch: Watch, shape: tuple[int, ...], offset: float
) -> None:
    first = nn.Linear(6, 8)
    model = nn.Sequential(first, nn.ReLU(inplace=True), nn.Linear(8, 3))
    with torch.no_grad():
        first.bias.add_(offset)
    capture, x = watch(model), torch.randn(shape)
    for number in range(3):
        true = truth(model[:2](x))
        train(model, x, steps=1)
        assert measured(capture, number) == {"2": pytest.approx(true, rel=1e-4)}


def test_of_every_layer_that_leads_to_the_loss_once_the_wiring_is_known(watch: Watch) -> None:
    class Heads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.one, self.other = nn.Linear(6, 8), nn.Linear(8, 2), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            h = self.body(x).tanh()
            return torch.cat([self.one(h), self.other(h)], 1)

    model = Heads()
    capture = watch(model)
    train(model, torch.randn(8, 6))
    assert set(measured(capture, 0)) == {"other"}
    assert set(measured(capture, 2)) == {"one", "other"}


def test_not_measured_of_three_samples_nor_of_zeros_or_nan(watch: Watch) -> None:
    model = nn.Linear(6, 3)
    capture = watch(model)
    train(model, torch.randn(3, 6))
    assert measured(capture) == {}
    train(model, torch.zeros(8, 6))
    assert measured(capture) == {}
    train(model, torch.full((8, 6), torch.nan))
    assert measured(capture) == {}


def test_of_micro_batches_the_widest(watch: Watch) -> None:
    model = nn.Linear(6, 3)
    capture = watch(model)
    alike, other = torch.randn(1, 6).expand(8, 6), torch.randn(8, 6)
    for _ in range(2):
        for x in (alike, other, alike):
            model(x).square().mean().backward()
        SGD(model.parameters(), lr=0.01).step()
        model.zero_grad()
    assert measured(capture) == {"(root)": pytest.approx(truth(other), rel=1e-4)}


def test_of_a_large_tensor_a_part_that_is_spread_over_it() -> None:
    part = torch.randn(300, 1) * torch.randn(1, 5000) + 2
    spread = batch_spread(part, Readback())
    assert spread is not None
    assert spread() == pytest.approx(truth(part), rel=0.1)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_in_other_formats(dtype: torch.dtype) -> None:
    given = (torch.randn(16, 10) + 1).to(dtype)
    spread = batch_spread(given, Readback())
    assert spread is not None
    assert spread() == pytest.approx(truth(given), rel=1e-5)
