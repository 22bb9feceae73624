"""A head that is replaced after the model is watched, as fine-tuning does, is found and watched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD, Optimizer

Watch = Callable[..., Any]


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))


def train(model: nn.Module, optimizer: Optimizer, steps: int) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.randn(4, 6)).square().mean().backward()
        optimizer.step()


def with_new_head(model: nn.Sequential) -> Optimizer:
    model.requires_grad_(requires_grad=False)
    model[2] = nn.Linear(8, 2)
    return SGD(model[2].parameters(), lr=0.1)


def test_before_the_first_step(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    optimizer = with_new_head(model)
    train(model, optimizer, 3)
    assert [frame.step for frame in capture.frames] == [0, 1, 2]
    assert capture.frames[0].layers[1].shapes["weight"] == (2, 8)
    assert capture.of("grad_norm", "2") > 0
    assert capture.problems == []


@pytest.mark.slow
@pytest.mark.parametrize("budget", [None, 1e-9])
def test_in_the_middle_of_a_run(watch: Watch, budget: float | None) -> None:
    model = network()
    capture = watch(model, budget=budget)
    train(model, SGD(model.parameters(), lr=0.1), 25)
    optimizer = with_new_head(model)
    train(model, optimizer, 200)
    assert capture.step == 225
    assert capture.frames[-1].layers[1].shapes["weight"] == (2, 8)
    assert capture.problems == []


def test_by_an_optimizer_that_gets_it_later(watch: Watch) -> None:
    model, other = network(), network()
    capture = watch(model)
    optimizer = SGD(other.parameters(), lr=0.1)
    train(other, optimizer, 3)
    with_new_head(model)
    optimizer.add_param_group({"params": list(model[2].parameters())})
    train(model, optimizer, 2)
    assert [frame.step for frame in capture.frames] == [0, 1]
    assert capture.of("grad_norm", "2") > 0


def test_a_part_that_is_frozen_at_first_is_watched_once_it_is_trained(watch: Watch) -> None:
    body, head = network().requires_grad_(requires_grad=False), nn.Linear(3, 1)
    capture = watch(body)
    optimizer = SGD([*body.parameters(), *head.parameters()], lr=0.1)
    train(nn.Sequential(body, head), optimizer, 4)
    assert capture.frames == []
    body.requires_grad_()
    train(nn.Sequential(body, head), optimizer, 3)
    assert [frame.step for frame in capture.frames] == [0, 1, 2]
    assert all(layer.trainable for layer in capture.layers)
    assert capture.of("grad_norm", "0") > 0


def test_the_optimizer_of_another_model_has_the_model_walked_once(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, other = network(), network()
    capture = watch(model)
    train(model, SGD(model.parameters(), lr=0.1), 2)
    walks: list[int] = []
    table = capture.cycle._table
    original = table.refresh

    def counted(model: nn.Module) -> bool:
        walks.append(1)
        return bool(original(model))

    monkeypatch.setattr(table, "refresh", counted)
    optimizer = SGD(other.parameters(), lr=0.1)
    train(other, optimizer, 1)
    walks.clear()
    train(other, optimizer, 5)
    assert not walks
