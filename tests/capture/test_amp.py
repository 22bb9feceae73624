"""What a gradient scaler does to a step must not show in the figures, except where it skips the
step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import SGD, Adam, Optimizer

Watch = Callable[..., Any]

SCALE = 2.0**12


def true_norm(model: nn.Module, loss: Tensor) -> float:
    gradients = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)
    return float(torch.cat([one.flatten() for one in gradients]).double().norm())


def optimizers(model: nn.Module) -> dict[str, Optimizer]:
    return {
        "sgd": SGD(model.parameters(), lr=0.1),
        "fused-sgd": SGD(model.parameters(), lr=0.1, fused=True),
        "adam": Adam(model.parameters(), lr=0.1),
        "fused-adam": Adam(model.parameters(), lr=0.1, fused=True),
    }


def scaled(watch: Watch, model: nn.Module, kind: str) -> tuple[Any, Optimizer, GradScaler]:
    """A capture of the model, one of the optimizers, and a scaler."""
    capture = watch(model)
    return capture, optimizers(model)[kind], GradScaler("cpu", init_scale=SCALE)


@pytest.mark.parametrize("kind", ["sgd", "fused-sgd", "adam", "fused-adam"])
@pytest.mark.parametrize("unscale", [False, True])
def test_gradients_and_loss_are_those_without_the_scale(
    watch: Watch, kind: str, *, unscale: bool
) -> None:
    model = nn.Linear(6, 3)
    capture, optimizer, scaler = scaled(watch, model, kind)
    loss = model(torch.randn(8, 6)).square().mean()
    norm = true_norm(model, loss)
    scaler.scale(loss).backward()
    if unscale:
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    assert capture.problems == []
    assert len(capture.frames) == 1
    frame = capture.frames[0]
    assert capture.of("grad_norm", "(root)") == pytest.approx(norm, rel=1e-4)
    assert capture.of("raw_grad_norm", "(root)") == pytest.approx(norm, rel=1e-4)
    assert frame.scalars["total_grad_norm"] == pytest.approx(norm, rel=1e-4)
    assert frame.scalars["raw_total_grad_norm"] == pytest.approx(norm, rel=1e-4)
    assert frame.scalars["loss"] == pytest.approx(float(loss.detach()), rel=1e-5)
    assert frame.scalars["loss_scale"] == SCALE
    assert not frame.skipped


def test_activation_gradients_are_those_without_the_scale(watch: Watch) -> None:
    model = nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 3))
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.1)
    scaler = GradScaler("cpu", init_scale=SCALE)
    hidden = model[0](torch.randn(8, 6))
    loss = model[2](model[1](hidden)).square().mean()
    (expected,) = torch.autograd.grad(loss, hidden, retain_graph=True)
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    assert capture.of("act_grad_norm", "0") == pytest.approx(float(expected.norm()), rel=1e-4)


@pytest.mark.parametrize("kind", ["sgd", "fused-sgd", "adam", "fused-adam"])
@pytest.mark.parametrize("budget", [None, 1e-9])
def test_a_skipped_step_has_a_frame_of_its_own_that_says_so(
    watch: Watch, kind: str, budget: float | None
) -> None:
    model = nn.Linear(6, 3)
    capture = watch(model, budget=budget)
    optimizer = optimizers(model)[kind]
    scaler = GradScaler("cpu", init_scale=SCALE)
    for step in range(16):
        before = [one.detach().clone() for one in model.parameters()]
        optimizer.zero_grad()
        loss = model(torch.randn(8, 6)).square().mean()
        scaler.scale(loss * float("inf") if step == 13 else loss).backward()
        scaler.step(optimizer)
        scaler.update()
        skipped = all(
            torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True)
        )
        assert skipped == (step == 13)
    assert capture.problems == []
    assert capture.step == 16
    overflown = next(frame for frame in capture.frames if frame.step == 13)
    assert overflown.skipped
    assert overflown.metrics["grad_nonfinite"][0] > 0
    assert [frame.step for frame in capture.frames if frame.skipped] == [13]
    assert (
        next(frame for frame in reversed(capture.frames) if frame.step > 13).scalars["loss_scale"]
        == SCALE / 2
    )


def test_clipping_after_unscaling_shows_both_norms(watch: Watch) -> None:
    model = nn.Linear(6, 3)
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.1)
    scaler = GradScaler("cpu", init_scale=SCALE)
    loss = 50 * model(torch.randn(8, 6)).square().sum()
    norm = true_norm(model, loss)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    assert capture.frames[0].scalars["raw_total_grad_norm"] == pytest.approx(norm, rel=1e-4)
    assert capture.frames[0].scalars["total_grad_norm"] == pytest.approx(1.0, rel=1e-4)


def test_accumulated_scaled_losses_are_added_up(watch: Watch) -> None:
    model = nn.Linear(6, 3)
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.1)
    scaler = GradScaler("cpu", init_scale=SCALE)
    losses = [model(torch.randn(8, 6)).square().mean() for _ in range(3)]
    for loss in losses:
        scaler.scale(loss).backward()
    scaler.step(optimizer)
    assert capture.frames[0].scalars["loss"] == pytest.approx(
        float(torch.stack(losses).sum().detach())
    )


def test_a_disabled_scaler_is_as_none(watch: Watch) -> None:
    model = nn.Linear(6, 3)
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.1)
    scaler = GradScaler("cpu", enabled=False)
    scaler.scale(model(torch.randn(8, 6)).mean()).backward()
    scaler.step(optimizer)
    assert len(capture.frames) == 1
    assert "loss_scale" not in capture.frames[0].scalars
    assert not capture.frames[0].skipped
    assert capture.problems == []


def test_bf16_autocast_needs_no_scaler(watch: Watch) -> None:
    model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3))
    capture = watch(model)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = model(torch.randn(8, 6)).square().mean()
    loss.backward()
    norm = float(
        torch.cat([one.grad.flatten() for one in model.parameters() if one.grad is not None]).norm()
    )
    SGD(model.parameters(), lr=0.1).step()
    assert capture.problems == []
    assert capture.frames[0].scalars["total_grad_norm"] == pytest.approx(norm, rel=1e-4)


@pytest.mark.parametrize("kind", ["sgd", "fused-sgd", "adam", "fused-adam"])
@pytest.mark.parametrize("unscale", [False, True])
def test_a_frame_says_whether_gradients_were_unscaled_only_in_the_step(
    watch: Watch, kind: str, *, unscale: bool
) -> None:
    model = nn.Linear(6, 3)
    capture, optimizer, scaler = scaled(watch, model, kind)
    for _ in range(2):
        optimizer.zero_grad()
        scaler.scale(model(torch.randn(8, 6)).square().mean()).backward()
        if unscale:
            scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1e-3)
        scaler.step(optimizer)
        scaler.update()
    assert capture.problems == []
    for frame in capture.frames:
        assert ("unscaled_late" in frame.scalars) is not unscale
        left = 1e-3 if unscale else 1e-3 / SCALE
        assert frame.scalars["total_grad_norm"] == pytest.approx(left, rel=1e-2)


def test_a_scaler_that_is_switched_off_unscales_nothing(watch: Watch) -> None:
    model = nn.Linear(6, 3)
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.1)
    scaler = GradScaler("cpu", enabled=False)
    scaler.scale(model(torch.randn(8, 6)).square().mean()).backward()
    scaler.step(optimizer)
    assert "unscaled_late" not in capture.frames[0].scalars
    assert capture.problems == []
