"""Gradients that are never cleared are seen; what clears them is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import LBFGS, SGD, Adam, Optimizer

Watch = Callable[..., Any]


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))


def loss_of(model: nn.Module) -> Tensor:
    loss: Tensor = model(torch.randn(4, 6)).square().mean()
    return loss


def verdicts(capture: Any) -> list[float | None]:
    assert capture.problems == []
    return [frame.scalars.get("gradients_kept") for frame in capture.frames]


def zero_data(model: nn.Module) -> None:
    for one in model.parameters():
        if one.grad is not None:
            one.grad.data.zero_()


def zero_in_place(model: nn.Module) -> None:
    for one in model.parameters():
        if one.grad is not None:
            one.grad.zero_()


CLEARING = {
    "zero_grad": lambda model: model.zero_grad(),
    "in place": lambda model: model.zero_grad(set_to_none=False),
    "by hand": zero_in_place,
    "through data": zero_data,
}


@pytest.mark.parametrize("passes", [1, 3])
@pytest.mark.parametrize("kind", [SGD, Adam])
def test_never_cleared(watch: Watch, kind: Any, passes: int) -> None:
    model = network()
    capture = watch(model)
    optimizer = kind(model.parameters(), lr=0.01)
    for _ in range(4):
        for _ in range(passes):
            loss_of(model).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    assert verdicts(capture) == [None, 1.0, 1.0, 1.0]


@pytest.mark.parametrize("first", [True, False], ids=["before the pass", "after the step"])
@pytest.mark.parametrize("passes", [1, 3])
@pytest.mark.parametrize("clear", CLEARING.values(), ids=CLEARING)
def test_cleared(
    watch: Watch, clear: Callable[[nn.Module], None], passes: int, *, first: bool
) -> None:
    model = network()
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.01)
    for _ in range(4):
        if first:
            clear(model)
        for _ in range(passes):
            loss_of(model).backward()
        optimizer.step()
        if not first:
            clear(model)
    assert verdicts(capture) == [None, 0.0, 0.0, 0.0]


def test_cleared_now_and_then(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.01)
    for number in range(6):
        if number % 3 == 0:
            optimizer.zero_grad()
        loss_of(model).backward()
        optimizer.step()
    assert verdicts(capture) == [None, 1.0, 1.0, 0.0, 1.0, 1.0]


def test_two_optimizers_that_take_turns(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    both = [SGD(model[0].parameters(), lr=0.01), SGD(model[2].parameters(), lr=0.01)]
    for number in range(6):
        optimizer = both[number % 2]
        model.zero_grad()
        loss_of(model).backward()
        optimizer.step()
    assert set(verdicts(capture)) == {None, 0.0}


@pytest.mark.parametrize("clear", CLEARING.values(), ids=CLEARING)
def test_two_players_of_which_each_clears_its_own_when_its_turn_comes(
    watch: Watch, clear: Callable[[nn.Module], None]
) -> None:
    model = nn.ModuleDict({"makes": nn.Linear(2, 6), "judges": nn.Linear(6, 1)})
    makes, judges = model["makes"], model["judges"]
    capture = watch(model)
    first, second = SGD(judges.parameters(), lr=0.01), SGD(makes.parameters(), lr=0.01)
    for _ in range(4):
        made = makes(torch.randn(4, 2))
        clear(judges)
        (judges(made.detach()).mean() - judges(torch.randn(4, 6)).mean()).backward()
        first.step()
        clear(makes)
        (-judges(made).mean()).backward()  # adds to the gradients of the judge, which has used them
        second.step()
    assert 1.0 not in verdicts(capture)
    assert 0.0 in verdicts(capture)


def test_gradients_assigned_by_hand(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.01)
    for _ in range(4):
        taken = torch.autograd.grad(loss_of(model), list(model.parameters()))
        for one, gradient in zip(model.parameters(), taken, strict=True):
            one.grad = gradient
        optimizer.step()
    assert 1.0 not in verdicts(capture)


def test_gradients_of_two_losses_put_together_by_hand(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.01)
    for _ in range(4):
        parts = []
        for _ in range(2):
            optimizer.zero_grad()
            loss_of(model).backward()
            parts.append([one.grad for one in model.parameters() if one.grad is not None])
        for one, left, right in zip(model.parameters(), *parts, strict=True):
            one.grad = left + right
        optimizer.step()
    assert 1.0 not in verdicts(capture)


@pytest.mark.parametrize("clears", [True, False])
def test_a_closure_that_is_evaluated_several_times(watch: Watch, *, clears: bool) -> None:
    model = network()
    capture = watch(model)
    optimizer = LBFGS(model.parameters(), lr=1e-4, max_iter=3)

    def closure() -> Tensor:
        if clears:
            optimizer.zero_grad()
        loss = loss_of(model)
        loss.backward()
        return loss

    for _ in range(3):
        optimizer.step(closure)
    assert verdicts(capture) == [None, *[0.0 if clears else 1.0] * 2]


@pytest.mark.parametrize("fused", [False, True])
def test_a_step_that_a_scaler_skips_has_used_none(watch: Watch, *, fused: bool) -> None:
    model = network()
    capture = watch(model)
    optimizer: Optimizer = SGD(model.parameters(), lr=0.01, fused=fused)
    scaler = GradScaler("cpu", init_scale=4.0)
    for number in range(5):
        loss = loss_of(model) * (float("inf") if number == 2 else 1.0)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
    assert 1.0 not in verdicts(capture)


def test_in_steps_that_are_not_sampled_nothing_is_read_and_nothing_wrong_said(
    watch: Watch,
) -> None:
    model = network()
    capture = watch(model, budget=1e-9)
    optimizer = SGD(model.parameters(), lr=0.01)
    for _ in range(300):
        zero_data(model)
        loss_of(model).backward()
        optimizer.step()
    assert capture.step == 300
    assert 1.0 not in verdicts(capture)
    assert 0.0 in verdicts(capture)


def test_it_keeps_no_gradient_alive(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.01)
    loss_of(model).backward()
    optimizer.step()
    head: Any = model[2]
    gone = torch.multiprocessing.reductions.StorageWeakRef(head.bias.grad.untyped_storage())
    optimizer.zero_grad()
    assert gone.expired()
    assert capture.problems == []
