"""A gradient scaler that is given another library's optimizer, which no hook of torch's sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.amp.grad_scaler import GradScaler

from gradwidget.capture.sampling.allowances import Reason

Watch = Callable[..., Any]

SCALE = 2.0**6


class StandIn:
    """Has what a scaler needs; the update itself may follow later."""

    def __init__(self, model: nn.Module, *, updates: bool) -> None:
        self.param_groups: list[dict[str, Any]] = [{"params": list(model.parameters()), "lr": 0.1}]
        self.updates = updates

    def step(self) -> None:
        if self.updates:
            self.update()

    @torch.no_grad()
    def update(self) -> None:
        for one in self.param_groups[0]["params"]:
            one.sub_(0.01 * one.grad)


@pytest.mark.parametrize("updates", [True, False], ids=["in its step", "after it"])
def test_its_steps_are_not_skipped_ones(watch: Watch, *, updates: bool) -> None:
    model: Any = nn.Linear(6, 3)
    capture = watch(model)
    optimizer = StandIn(model, updates=updates)
    scaler: Any = GradScaler("cpu", init_scale=SCALE)
    norms = []
    for _ in range(4):
        model.zero_grad()
        scaler.scale(model(torch.randn(8, 6)).square().mean()).backward()
        scaler.step(optimizer)
        scaler.update()
        norms.append(float(torch.cat([one.grad.flatten() for one in model.parameters()]).norm()))
        if not updates:
            optimizer.update()
    capture.close()
    assert [frame.skipped for frame in capture.frames] == [False] * 4
    assert [frame.scalars["total_grad_norm"] for frame in capture.frames] == pytest.approx(
        norms, rel=1e-4
    )
    assert all(frame.metrics["update_ratio"][0] > 0 for frame in capture.frames)
    assert capture.problems == []


def test_the_overflow_that_its_scaler_finds_is_a_skipped_step(watch: Watch) -> None:
    model: Any = nn.Linear(6, 3)
    capture = watch(model)
    optimizer = StandIn(model, updates=True)
    scaler: Any = GradScaler("cpu", init_scale=SCALE)
    for number in range(3):
        model.zero_grad()
        factor = float("inf") if number == 1 else 1.0
        scaler.scale(model(torch.randn(8, 6)).square().mean() * factor).backward()
        scaler.step(optimizer)
        scaler.update()
    capture.close()
    assert [frame.skipped for frame in capture.frames] == [False, True, False]


def test_the_scale_is_known_of_a_step_after_one_that_was_not_sampled(watch: Watch) -> None:
    model: Any = nn.Linear(6, 3)
    capture = watch(model, budget=1e-9)
    optimizer = StandIn(model, updates=True)
    scaler: Any = GradScaler("cpu", init_scale=SCALE)
    x = torch.randn(8, 6)
    for number in range(40):
        if number == 30:
            capture.cycle.decision.request(Reason.DIAGNOSIS)
        model.zero_grad()
        scaler.scale(model(x).square().mean()).backward()
        scaler.step(optimizer)
        scaler.update()
    capture.close()
    frames = capture.frames
    assert {frame.step for frame in frames} >= set(range(31, 39))
    assert len(frames) < 40
    assert all(frame.scalars["loss_scale"] == SCALE for frame in frames)
    raw = [frame.scalars["raw_total_grad_norm"] for frame in frames]
    assert raw == pytest.approx([frame.scalars["total_grad_norm"] for frame in frames], rel=1e-4)
