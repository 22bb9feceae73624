"""Optimizers that use the gradients of one backward pass are one step; two players are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import SGD, AdamW, Optimizer

Watch = Callable[..., Any]


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3))


def loss_of(model: nn.Module) -> Tensor:
    loss: Tensor = model(torch.randn(4, 6)).square().mean()
    return loss


def norm_of(model: nn.Module) -> float:
    gradients = [one.grad.flatten() for one in model.parameters() if one.grad is not None]
    return float(torch.cat(gradients).norm())


def entries(model: nn.Module) -> Tensor:
    return torch.cat([one.detach().flatten() for one in model.parameters()])


def by_shape(model: nn.Module) -> list[Optimizer]:
    """One optimizer for matrices, another for the rest."""
    return [
        SGD([one for one in model.parameters() if one.dim() == 2], lr=0.02, weight_decay=0.1),
        AdamW([one for one in model.parameters() if one.dim() != 2], lr=0.001, weight_decay=0.3),
    ]


def by_layer(model: nn.Module) -> list[Optimizer]:
    return [
        SGD(part.parameters(), lr=0.02) for part in model.modules() if isinstance(part, nn.Linear)
    ]


@pytest.mark.parametrize("passes", [1, 3])
@pytest.mark.parametrize("share", [by_shape, by_layer])
def test_they_give_one_frame_of_the_whole_model(
    watch: Watch, share: Callable[[nn.Module], list[Optimizer]], passes: int
) -> None:
    model = network()
    capture = watch(model)
    optimizers = share(model)
    norms, losses, moved = [], [], []
    for number in range(4):
        model.zero_grad()
        losses.append(0.0)
        for _ in range(passes):
            loss = loss_of(model) / passes
            loss.backward()
            losses[-1] += float(loss.detach())
        norms.append(norm_of(model))
        before = entries(model)
        for one in optimizers:
            assert len(capture.frames) == number
            one.step()
        assert len(capture.frames) == number + 1
        moved.append(float((entries(model) - before).norm() / before.norm()))
    scalars = [frame.scalars for frame in capture.frames]
    assert [one["total_grad_norm"] for one in scalars] == pytest.approx(norms, rel=1e-5)
    assert [one["raw_total_grad_norm"] for one in scalars] == pytest.approx(norms, rel=1e-5)
    assert [one["loss"] for one in scalars] == pytest.approx(losses, rel=1e-5)
    assert {one["lr"] for one in scalars} == {0.02}
    for frame, share_moved in zip(capture.frames, moved, strict=True):
        weights = frame.metrics["weight_norm"].astype(float)
        changes = frame.metrics["update_ratio"] * weights
        total = float((changes**2).sum() ** 0.5 / (weights**2).sum() ** 0.5)
        assert total == pytest.approx(share_moved, rel=1e-4)
        assert frame.is_measured("act_rms").all()
    assert capture.problems == []


def test_of_their_settings_the_first_counts_and_the_largest_decay(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    loss_of(model).backward()
    for one in by_shape(model):
        one.step()
    assert capture.frames[0].scalars["weight_decay"] == 0.3
    assert capture.frames[0].scalars["momentum"] == 0.0


def test_steps_that_are_not_sampled_are_counted_alike(watch: Watch) -> None:
    model = network()
    capture = watch(model, budget=1e-9)
    optimizers = by_shape(model)
    for _ in range(100):
        model.zero_grad()
        loss_of(model).backward()
        for one in optimizers:
            one.step()
    assert capture.step == 100
    assert all(frame.is_measured("grad_norm").all() for frame in capture.frames)
    assert all(frame.is_measured("act_rms").all() for frame in capture.frames)
    assert capture.problems == []


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("overflows", [False, True])
def test_under_a_gradient_scaler(watch: Watch, *, fused: bool, overflows: bool) -> None:
    model = network()
    capture = watch(model)
    matrices = [one for one in model.parameters() if one.dim() == 2]
    rest = [one for one in model.parameters() if one.dim() != 2]
    optimizers: list[Optimizer] = [SGD(matrices, lr=0.01), AdamW(rest, lr=0.01, fused=fused)]
    scaler = GradScaler("cpu", init_scale=64.0)
    norms = []
    for number in range(4):
        model.zero_grad()
        loss = loss_of(model) * (float("inf") if overflows and number == 2 else 1.0)
        scaler.scale(loss).backward()
        norms.append(norm_of(model) / scaler.get_scale())
        for one in optimizers:
            scaler.step(one)
        scaler.update()
    assert [frame.skipped for frame in capture.frames] == [
        overflows and number == 2 for number in range(4)
    ]
    for frame, norm in zip(capture.frames, norms, strict=True):
        if not frame.skipped:
            assert frame.scalars["total_grad_norm"] == pytest.approx(norm, rel=1e-4)
    assert capture.problems == []


class Players(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.makes, self.judges = nn.Linear(2, 6), nn.Linear(6, 1)


@pytest.mark.parametrize("clears_first", [True, False])
def test_the_phases_of_two_players_are_steps_of_their_own(
    watch: Watch, *, clears_first: bool
) -> None:
    model = Players()
    capture = watch(model)
    makes, judges = model.makes, model.judges
    first, second = SGD(judges.parameters(), lr=0.01), SGD(makes.parameters(), lr=0.01)
    losses = []
    for _ in range(4):
        made = makes(torch.randn(4, 2))
        if clears_first:
            first.zero_grad()
        loss = judges(made.detach()).mean() - judges(torch.randn(4, 6)).mean()
        loss.backward()
        losses.append(float(loss.detach()))
        first.step()
        if not clears_first:
            first.zero_grad()
        second.zero_grad()
        loss = -judges(made).mean()
        loss.backward()
        losses.append(float(loss.detach()))
        second.step()
        if not clears_first:
            first.zero_grad()
    capture.close()
    assert [frame.scalars["loss"] for frame in capture.frames] == pytest.approx(losses, rel=1e-5)
    for number, frame in enumerate(capture.frames):
        layer = "judges" if number % 2 == 0 else "makes"
        row = [one.name for one in frame.layers].index(layer)
        assert frame.is_measured("grad_norm")[row]
        assert frame.is_measured("grad_norm").sum() == 1
    assert capture.problems == []


def test_optimizers_of_the_same_parameters_that_take_turns(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    both = [SGD(model.parameters(), lr=0.01), AdamW(model.parameters(), lr=0.01)]
    for number in range(6):
        model.zero_grad()
        loss_of(model).backward()
        both[number % 2].step()
        assert len(capture.frames) == number + 1


def test_one_that_comes_in_some_steps_only_is_waited_for_once(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    often, seldom = SGD(model[:3].parameters(), lr=0.01), SGD(model[4].parameters(), lr=0.01)
    for number in range(9):
        model.zero_grad()
        loss_of(model).backward()
        often.step()
        if number % 3 == 0:
            seldom.step()
    capture.close()
    trained = [int(frame.is_measured("grad_norm").sum()) for frame in capture.frames]
    assert trained == [3, 2, 2, 2, 1, 2, 2, 2, 1, 2, 2]
    assert capture.problems == []


def test_the_optimizer_of_an_earlier_run_is_not_waited_for(watch: Watch) -> None:
    model = network()
    earlier = by_shape(model)
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.01)
    for number in range(3):
        model.zero_grad()
        loss_of(model).backward()
        optimizer.step()
        assert len(capture.frames) == number + 1
    assert earlier


def test_two_players_in_one_module_are_not_sampled_at_every_step(watch: Watch) -> None:
    model: Any = nn.ModuleDict({"maker": nn.Linear(4, 4), "judge": nn.Linear(4, 1)})
    capture = watch(model, budget=1e-9)
    maker, judge = (SGD(one.parameters(), lr=0.01) for one in model.values())
    for _ in range(40):
        noise = torch.randn(8, 4)
        judge.zero_grad()
        made = model["maker"](noise).detach()
        (model["judge"](made) - model["judge"](torch.randn(8, 4))).mean().backward()
        judge.step()
        maker.zero_grad()
        model["judge"](model["maker"](noise)).mean().backward()
        maker.step()
    assert capture.step == 80
    sampled = [frame.step for frame in capture.frames]
    assert len(sampled) < 40
    # Both players are seen nevertheless.
    assert {step % 2 for step in sampled} == {0, 1}
