"""A model that trains in evaluation mode is seen, and what is so on purpose is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD

from gradwidget.capture.collect.loop.evaluation_mode import modes_of

Watch = Callable[..., Any]


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU()),
        nn.Dropout(0.2),
        nn.Linear(8, 3),
    )


def step(model: nn.Module, passes: int = 1) -> None:
    for _ in range(passes):
        model(torch.randn(4, 6)).square().mean().backward()
    SGD([one for one in model.parameters() if one.requires_grad], lr=0.01).step()


def mode(watch: Watch, model: nn.Module) -> float | None:
    capture = watch(model)
    step(model)
    assert capture.problems == []
    return capture.frames[0].scalars.get("eval_mode")  # type: ignore[no-any-return]  # scalars are floats


def test_in_training_mode(watch: Watch) -> None:
    assert mode(watch, network()) == 0.0


def test_in_evaluation_mode(watch: Watch) -> None:
    assert mode(watch, network().eval()) == 1.0


def test_frozen_statistics_beside_a_dropout_that_acts_are_on_purpose(watch: Watch) -> None:
    model = network()
    model[0].eval()
    assert mode(watch, model) == 0.0


def test_a_frozen_part_in_evaluation_mode_is_on_purpose(watch: Watch) -> None:
    model = nn.Sequential(network()[0], nn.Linear(8, 3))
    model[0].requires_grad_(requires_grad=False).eval()
    assert mode(watch, model) == 0.0


def test_a_frozen_part_does_not_excuse_the_rest(watch: Watch) -> None:
    model = network().eval()
    model[0].requires_grad_(requires_grad=False)
    assert mode(watch, model) == 1.0


@pytest.mark.parametrize(
    "module",
    [
        nn.Identity(),
        nn.Dropout(0.0),
        nn.InstanceNorm1d(8),
        nn.BatchNorm1d(8, track_running_stats=False),
        nn.LayerNorm(8),
    ],
)
def test_a_module_that_knows_no_difference_has_no_mode(module: nn.Module) -> None:
    assert modes_of(nn.Sequential(nn.Linear(6, 8), module).eval()).is_evaluation is None


def test_a_model_of_such_modules_has_none(watch: Watch) -> None:
    assert mode(watch, nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).eval()) is None


@pytest.mark.parametrize(
    "module",
    [
        nn.Dropout(0.1),
        nn.AlphaDropout(0.1),
        nn.BatchNorm1d(8),
        nn.InstanceNorm1d(8, track_running_stats=True),
        nn.SyncBatchNorm(8),
        nn.MultiheadAttention(8, 2, dropout=0.1),
        nn.LSTM(8, 8, num_layers=2, dropout=0.1),
    ],
)
def test_every_kind_that_does_is_known(module: nn.Module) -> None:
    model = nn.Sequential(nn.Linear(6, 8), module)
    assert modes_of(model.eval()).is_evaluation is True
    assert modes_of(model.train()).is_evaluation is False


def test_an_evaluation_between_two_steps_is_none(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    for _ in range(3):
        step(model, passes=2)
        model.eval()
        with torch.no_grad():
            model(torch.randn(4, 6))
        model.train()
    assert [frame.scalars["eval_mode"] for frame in capture.frames] == [0.0] * 3


def test_forgetting_to_go_back_is_seen_from_then_on(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    step(model)
    model.eval()
    with torch.no_grad():
        model(torch.randn(4, 6))
    step(model)
    assert [frame.scalars["eval_mode"] for frame in capture.frames] == [0.0, 1.0]
