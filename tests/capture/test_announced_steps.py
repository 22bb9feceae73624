"""Steps that the loop announces itself, compared with what the loop knows of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.nn.utils import clip_grad_norm_

from gradwidget import GradMonitor
from gradwidget.capture.announced_steps import NOT_BEGUN, TOO_EARLY, TWICE
from gradwidget.capture.sampling.allowances import Reason

Watch = Callable[..., Any]
LIMIT = 0.05


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))


def norm(tensors: Iterator[Tensor | None]) -> float:
    return float(torch.cat([one.detach().flatten() for one in tensors if one is not None]).norm())


def descend(model: nn.Module, rate: float) -> None:
    for one in model.parameters():
        one.data -= rate * one.grad  # type: ignore[operator]  # there is one


def backward(model: nn.Module, scale: float = 1.0) -> None:
    model.zero_grad()
    (model(torch.randn(4, 6)).square().mean() * scale).backward()


def test_gradients_rates_and_changes_are_those_of_the_step(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    raw, clipped, moved = [], [], []
    for number in range(5):
        backward(model)
        raw.append(norm(one.grad for one in model.parameters()))
        clip_grad_norm_(model.parameters(), LIMIT)
        clipped.append(norm(one.grad for one in model.parameters()))
        before = [one.detach().clone() for one in model[0].parameters()]
        capture.announced.begins(0.1 / (number + 1))
        descend(model, 0.1 / (number + 1))
        capture.announced.ended()
        change = [new - old for new, old in zip(model[0].parameters(), before, strict=True)]
        moved.append(norm(iter(change)) / norm(iter(before)))
    frames = capture.frames
    assert [frame.step for frame in frames] == [0, 1, 2, 3, 4]
    for name, true in (("raw_total_grad_norm", raw), ("total_grad_norm", clipped)):
        assert [frame.scalars[name] for frame in frames] == pytest.approx(true, rel=1e-4)
    assert [frame.scalars["lr"] for frame in frames] == pytest.approx(
        [0.1 / n for n in range(1, 6)]
    )
    assert [frame.metrics["update_ratio"][0] for frame in frames] == pytest.approx(moved, rel=1e-3)
    assert capture.problems == []


def test_micro_batches_are_one_step(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    for _ in range(3):
        model.zero_grad()
        for _ in range(4):
            (model(torch.randn(4, 6)).square().mean() / 4).backward()
        true = norm(one.grad for one in model.parameters())
        capture.announced.begins(None)
        descend(model, 0.1)
        capture.announced.ended()
        assert capture.frames[-1].scalars["total_grad_norm"] == pytest.approx(true, rel=1e-4)
    assert len(capture.frames) == 3
    assert all("lr" not in frame.scalars for frame in capture.frames)


def test_gradients_may_be_taken_without_being_left_at_the_parameters(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    own = list(model.parameters())
    for _ in range(3):
        slopes = torch.autograd.grad(model(torch.randn(4, 6)).square().mean(), own)
        capture.announced.begins(0.1)
        for one, slope in zip(own, slopes, strict=True):
            one.data -= 0.1 * slope
        capture.announced.ended()
        frame = capture.frames[-1]
        assert frame.scalars["total_grad_norm"] == pytest.approx(norm(iter(slopes)), rel=1e-4)
        assert frame.scalars["lr"] == pytest.approx(0.1)
        assert (frame.metrics["update_ratio"] > 0).all()
    assert [frame.step for frame in capture.frames] == [0, 1, 2]
    assert capture.problems == []


def test_steps_between_two_samples_are_counted_and_a_nan_among_them_is_seen(watch: Watch) -> None:
    model = network()
    capture = watch(model, budget=1e-9)
    for number in range(60):
        backward(model, float("nan") if number == 50 else 1.0)
        capture.announced.begins(0.1)
        if number != 50:
            descend(model, 0.1)
        capture.announced.ended()
    assert capture.step == 60
    assert len(capture.frames) < 60
    assert any(frame.step == 50 for frame in capture.frames)


def test_an_optimizer_of_torchs_in_between_ends_the_step_itself(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.25)
    for _ in range(3):
        backward(model)
        capture.announced.begins(0.1)
        optimizer.step()
        capture.announced.ended()
    assert [frame.step for frame in capture.frames] == [0, 1, 2]
    assert [frame.scalars["lr"] for frame in capture.frames] == [0.25] * 3
    assert capture.problems == []


def test_a_step_that_a_scaler_leaves_out_is_no_mistake(watch: Watch) -> None:
    class Other:
        def __init__(self) -> None:
            self.param_groups = [{"params": list(model.parameters()), "lr": 0.1}]

        def step(self) -> None:
            """The update itself follows."""

    model = network()
    capture = watch(model)
    scaler: Any = GradScaler("cpu", init_scale=4.0)
    for number in range(4):
        model.zero_grad()
        factor = float("inf") if number == 1 else 1.0
        scaler.scale(model(torch.randn(4, 6)).square().mean() * factor).backward()
        scaler.step(Other())
        scaler.update()
        capture.announced.begins(0.1)
        if number != 1:
            descend(model, 0.1)
        capture.announced.ended()
    assert [frame.skipped for frame in capture.frames] == [False, True, False, False]
    assert capture.problems == []


def messages(capture: Any) -> list[str]:
    return [problem.message for problem in capture.problems]


def test_calls_in_the_wrong_order_are_told_and_change_nothing(watch: Watch) -> None:
    model = network()
    capture = watch(model)
    capture.announced.ended()
    assert messages(capture) == [NOT_BEGUN]
    capture.announced.begins(0.1)
    assert messages(capture)[1:] == [TOO_EARLY]
    capture.announced.ended()
    for _ in range(2):
        backward(model)
        capture.announced.begins(0.1)
    assert messages(capture)[2:] == [TWICE]
    descend(model, 0.1)
    capture.announced.ended()
    assert [frame.step for frame in capture.frames] == [0]
    for _ in range(3):
        backward(model)
        capture.announced.begins(0.1)
        descend(model, 0.1)
        capture.announced.ended()
    assert [frame.step for frame in capture.frames] == [0, 1, 2, 3]
    capture.problems.clear()


def test_training_is_the_same_to_the_bit() -> None:
    def trained(*, watched: bool) -> list[Tensor]:
        torch.manual_seed(0)
        model = network()
        monitor = GradMonitor(model, budget=None) if watched else None
        for _ in range(5):
            backward(model)
            if monitor is not None:
                monitor.step_begins(lr=0.1)
            descend(model, 0.1)
            if monitor is not None:
                monitor.step_ended()
        if monitor is not None:
            monitor.close()
        return [one.detach() for one in model.parameters()]

    assert all(map(torch.equal, trained(watched=True), trained(watched=False)))


def test_a_rate_on_a_device_is_no_number_to_wait_for_and_a_word_is_none() -> None:
    model = network()
    monitor = GradMonitor(model, budget=None)
    backward(model)
    monitor.step_begins(lr=torch.tensor(0.5))
    descend(model, 0.5)
    monitor.step_ended()
    assert monitor.history.scalars["lr"].tolist() == [0.5]
    with pytest.raises(TypeError, match="lr must be a number"):
        monitor.step_begins(lr="fast")  # type: ignore[arg-type]  # what is to be refused
    monitor.close()
    monitor.step_begins(lr=0.1)
    monitor.step_ended()


def test_a_request_samples_an_announced_step(watch: Watch) -> None:
    model = network()
    capture = watch(model, budget=1e-9)
    for number in range(40):
        if number == 30:
            capture.cycle.decision.request(Reason.DIAGNOSIS)
        backward(model)
        capture.announced.begins(0.1)
        descend(model, 0.1)
        capture.announced.ended()
    assert {frame.step for frame in capture.frames} >= {31, 32}
