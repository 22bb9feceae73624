"""A loss that was made a new tensor has no graph: its backward pass reaches nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import SGD

from gradwidget.capture.steps.unstepped import CLEARED

Watch = Callable[..., Any]


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))


def loss_of(model: nn.Module) -> Tensor:
    loss: Tensor = model(torch.randn(4, 6)).square().mean()
    return loss


def made_new(loss: Tensor) -> Tensor:
    return torch.tensor(loss.item(), requires_grad=True)


def detached(loss: Tensor) -> Tensor:
    return loss.detach().requires_grad_()


@pytest.mark.parametrize("cut", [made_new, detached])
@pytest.mark.parametrize("scaled", [True, False])
def test_it_is_said_in_each_step(
    watch: Watch, cut: Callable[[Tensor], Tensor], *, scaled: bool
) -> None:
    model = network()
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.01)
    scaler = GradScaler("cpu", init_scale=4.0)
    losses = []
    for _ in range(3):
        optimizer.zero_grad()
        loss = cut(loss_of(model))
        losses.append(float(loss.detach()))
        (scaler.scale(loss) if scaled else loss).backward()
        optimizer.step()
    scalars = [frame.scalars for frame in capture.frames]
    assert [one.get("loss_is_leaf") for one in scalars] == [1.0] * 3
    assert [one["loss"] for one in scalars] == pytest.approx(losses)
    assert all(frame.metrics["grad_is_none"].tolist() == [1, 1] for frame in capture.frames)
    assert capture.problems == []


def test_it_counts_as_a_pass_without_a_step(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    for _ in range(CLEARED + 3):
        made_new(loss_of(model)).backward()
    capture.close()
    assert [frame.scalars["unstepped"] for frame in capture.frames] == [8.0, 9.0, 10.0, 11.0]
    assert all(frame.scalars["loss_is_leaf"] == 1 for frame in capture.frames)
    assert all(frame.metrics["grad_is_none"].tolist() == [1, 1] for frame in capture.frames)
    assert capture.problems == []


def test_an_ordinary_loss_has_a_graph(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    loss_of(model).backward()
    SGD(model.parameters(), lr=0.01).step()
    assert "loss_is_leaf" not in capture.frames[0].scalars


def test_a_temperature_that_is_learned_beside_the_model_is_no_such_loss(watch: Watch) -> None:
    model, log_alpha = network(), torch.zeros(1, requires_grad=True)
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        loss = loss_of(model)
        (log_alpha * (loss.detach() + 1)).mean().backward()
        loss.backward()
        log_alpha.backward()
        optimizer.step()
    assert all("loss_is_leaf" not in frame.scalars for frame in capture.frames)


def test_a_leaf_long_after_the_forward_is_none_either(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    with torch.no_grad():
        loss = loss_of(model)
    made_new(loss).backward()
    loss_of(model).backward()
    SGD(model.parameters(), lr=0.01).step()
    assert "loss_is_leaf" not in capture.frames[0].scalars
