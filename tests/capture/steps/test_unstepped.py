"""A loop that never steps gets frames that say so; one that steps late is left alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import LBFGS, SGD, Adam

from gradwidget.capture.steps.unstepped import ADDED, CLEARED

Watch = Callable[..., Any]


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))


def loss_of(model: nn.Module) -> Tensor:
    loss: Tensor = model(torch.randn(4, 6)).square().mean()
    return loss


def counts(capture: Any) -> list[float | None]:
    assert capture.problems == []
    return [frame.scalars.get("unstepped") for frame in capture.frames]


@pytest.mark.parametrize("given", [True, False], ids=["optimizer given", "found"])
@pytest.mark.parametrize("set_to_none", [True, False])
def test_gradients_that_are_thrown_away(watch: Watch, *, given: bool, set_to_none: bool) -> None:
    model = network()
    optimizer = Adam(model.parameters(), lr=0.01)
    capture = watch(model, optimizer if given else None)
    norms, losses = [], []
    for _ in range(20):
        optimizer.zero_grad(set_to_none=set_to_none)
        loss = loss_of(model)
        loss.backward()
        losses.append(float(loss.detach()))
        norms.append(
            float(
                torch.cat(
                    [one.grad.flatten() for one in model.parameters() if one.grad is not None]
                ).norm()
            )
        )
    capture.close()
    assert counts(capture) == [float(number) for number in range(CLEARED, 21)]
    assert [frame.step for frame in capture.frames] == list(range(13))
    for name, true in (("total_grad_norm", norms), ("loss", losses)):
        found = [frame.scalars[name] for frame in capture.frames]
        assert found == pytest.approx(true[CLEARED - 1 :], rel=1e-5)
    assert all(frame.is_measured("act_rms").all() for frame in capture.frames)


def test_gradients_that_only_add_up(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    for _ in range(ADDED + 10):
        loss_of(model).backward()
    capture.close()
    assert counts(capture) == [float(number) for number in range(ADDED, ADDED + 11)]


def test_most_steps_of_such_a_loop_are_not_sampled_either(watch: Watch) -> None:
    model = network()
    capture = watch(model, budget=1e-9)
    for _ in range(300):
        model.zero_grad()
        loss_of(model).backward()
    assert 2 <= len(capture.frames) < 200
    late = [frame for frame in capture.frames if frame.step > 20]
    assert late
    assert all(frame.scalars["unstepped"] == frame.step + CLEARED for frame in late)
    assert all(frame.is_measured("act_rms").all() for frame in late)


def test_a_step_makes_everything_as_usual(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.01)
    for number in range(CLEARED + 8):
        optimizer.zero_grad()
        loss_of(model).backward()
        if number >= CLEARED + 2:
            optimizer.step()
    assert counts(capture) == [8.0, 9.0, 10.0, *[None] * 6]


@pytest.mark.parametrize("micro_batches", [1, 32])
@pytest.mark.parametrize("budget", [None, 1e-9])
def test_accumulation_is_left_alone(watch: Watch, micro_batches: int, budget: float | None) -> None:
    model = network()
    capture = watch(model, budget=budget)
    optimizer = SGD(model.parameters(), lr=0.01)
    for _ in range(12):
        for _ in range(micro_batches):
            (loss_of(model) / micro_batches).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert capture.step == 12
    assert set(counts(capture)) == {None}


def test_what_was_followed_by_a_step_once_is_waited_for(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.01)
    for _ in range(4):
        for _ in range(CLEARED + 4):  # an attack on the inputs before each step
            model.zero_grad()
            loss_of(model).backward()
        optimizer.step()
    assert counts(capture) == [8.0, 9.0, 10.0, 11.0, None, None, None, None]


def test_a_closure_is_evaluated_as_often_as_it_likes(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    optimizer = LBFGS(model.parameters(), lr=1e-3, max_iter=20, tolerance_change=0.0)
    evaluations: list[int] = []
    x = torch.randn(4, 6)

    def closure() -> Tensor:
        evaluations.append(1)
        optimizer.zero_grad()
        loss: Tensor = (model(x) - 1).square().mean()
        loss.backward()
        return loss

    for _ in range(3):
        optimizer.step(closure)
    assert len(evaluations) > 3 * CLEARED
    assert counts(capture) == [None] * 3


def test_steps_that_a_scaler_skips_are_steps(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.01)
    scaler = GradScaler("cpu", init_scale=4.0)
    for _ in range(CLEARED + 4):
        optimizer.zero_grad()
        scaler.scale(loss_of(model) * float("inf")).backward()
        scaler.step(optimizer)
        scaler.update()
    assert counts(capture) == [None] * (CLEARED + 4)
    assert all(frame.skipped for frame in capture.frames)


@pytest.mark.parametrize("through_data", [True, False])
def test_weights_that_are_changed_by_hand_are_stepped(watch: Watch, *, through_data: bool) -> None:
    model: Any = network()
    optimizer = SGD(model.parameters(), lr=0.0)  # never used: the loop counts as one that has it
    capture = watch(model, optimizer)
    for _ in range(3 * CLEARED):
        model.zero_grad()
        loss_of(model).backward()
        with torch.no_grad():
            for one in model.parameters():
                (one.data if through_data else one).sub_(0.01 * one.grad)
    assert set(counts(capture)) <= {None}


def test_gradients_that_are_taken_are_not_counted(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    for _ in range(3 * CLEARED):
        torch.autograd.grad(loss_of(model), list(model.parameters()))
    capture.close()
    assert counts(capture) == []
