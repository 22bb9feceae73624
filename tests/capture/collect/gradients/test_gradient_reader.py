"""Large gradients are read once where nothing changes them; figures are those of autograd."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import LBFGS, SGD, Adam, Optimizer

from gradwidget.capture.collect.gradients import gradient_reader
from gradwidget.capture.collect.gradients.reading_once import TURNS
from gradwidget.capture.stats.norms import ALONE
from gradwidget.capture.stats.readback import Fetch
from gradwidget.capture.stats.tensor_stats import measure, of_large

Watch = Callable[..., Any]
Touch = Callable[[nn.Linear], object]


@pytest.fixture(autouse=True)
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Notes each full reading of a large gradient, of which small ones are now an example."""
    monkeypatch.setattr(gradient_reader, "LARGE", ALONE + 1)
    full: list[str] = []

    def measured(tensors: Sequence[Tensor], **options: Any) -> Fetch:
        full.extend("before the step" for one in tensors if one.numel() > ALONE)
        return measure(tensors, **options)

    def read(tensor: Tensor, *, sums: bool) -> Any:
        full.append("after the pass")
        return of_large(tensor, sums=sums)

    monkeypatch.setattr(gradient_reader, "measure", measured)
    monkeypatch.setattr(gradient_reader, "of_large", read)
    return full


def model_of(dtype: torch.dtype = torch.float32) -> nn.Linear:
    """One layer with a large and a small parameter."""
    torch.manual_seed(0)
    return nn.Linear(300, 300, dtype=dtype)


def backward(model: nn.Linear, *, by: float = 1.0) -> None:
    x = torch.randn(4, 300, dtype=model.weight.dtype)
    (model(x).square().sum() * by).backward()


def entries(model: nn.Module) -> Tensor:
    """All that plain autograd has left, in one vector."""
    found = [one.grad.flatten().double() for one in model.parameters() if one.grad is not None]
    return torch.cat(found)


def assert_are_right(capture: Any, raw: Tensor, used: Tensor) -> None:
    expected = {
        "raw_grad_norm": raw.norm(),
        "grad_norm": used.norm(),
        "grad_mean_abs": used.abs().mean(),
        "grad_max_abs": used.abs().max(),
        "grad_zero_fraction": (used == 0).double().mean(),
        "grad_nonfinite": (~used.isfinite()).sum(),
    }
    for metric, value in expected.items():
        close = pytest.approx(float(value), rel=1e-4, nan_ok=True)
        assert capture.of(metric, "(root)") == close, metric


def step(capture: Any, model: nn.Linear, optimizer: Optimizer, touch: Touch | None = None) -> None:
    """One step, whose figures must be those of its gradients."""
    optimizer.zero_grad()
    backward(model)
    raw = entries(model)
    if touch is not None:
        touch(model)
    used = entries(model)
    optimizer.step()
    assert_are_right(capture, raw, used)


def weight_gradient(model: nn.Linear) -> Tensor:
    assert model.weight.grad is not None
    return model.weight.grad


def replace(model: nn.Linear) -> None:
    model.weight.grad = weight_gradient(model) * 3


def bound(model: nn.Linear) -> None:
    gradient = weight_gradient(model).data
    peak = float(gradient.abs().max())
    gradient.clamp_(-0.9 * peak, 0.9 * peak)


def mask(model: nn.Linear) -> None:
    weight_gradient(model).data[:100] = 0


TOUCHES: dict[str, Touch] = {
    "clipped": lambda model: nn.utils.clip_grad_norm_(model.parameters(), 0.1),
    "scaled": lambda model: weight_gradient(model).data.mul_(0.5),
    "replaced": replace,
    "bounded": bound,
    "masked": mask,
    "set to 0": lambda model: model.zero_grad(set_to_none=False),
}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("kind", [SGD, Adam])
def test_what_nothing_changes_is_read_once(
    watch: Watch, readings: list[str], dtype: torch.dtype, kind: Callable[..., Optimizer]
) -> None:
    model = model_of(dtype)
    capture, optimizer = watch(model), kind(model.parameters(), lr=1e-4)
    step(capture, model, optimizer)
    for _ in range(TURNS):
        readings.clear()
        step(capture, model, optimizer)
        assert readings == ["after the pass"]
    readings.clear()
    step(capture, model, optimizer)
    assert readings == ["before the step"], "now and then it is made sure of"


@pytest.mark.parametrize("touch", TOUCHES)
def test_a_loop_that_changes_gradients_has_them_read_in_full_before_the_step_alone(
    watch: Watch, readings: list[str], touch: str
) -> None:
    model = model_of()
    capture, optimizer = watch(model), SGD(model.parameters(), lr=1e-4)
    step(capture, model, optimizer, TOUCHES[touch])
    for _ in range(10):
        readings.clear()
        step(capture, model, optimizer, TOUCHES[touch])
        assert readings == ["before the step"]


@pytest.mark.parametrize("touch", TOUCHES)
def test_a_change_after_steps_without_one_is_seen_and_then_expected(
    watch: Watch, readings: list[str], touch: str
) -> None:
    model = model_of()
    capture, optimizer = watch(model), SGD(model.parameters(), lr=1e-4)
    for _ in range(3):
        step(capture, model, optimizer)
    readings.clear()
    step(capture, model, optimizer, TOUCHES[touch])
    assert readings == ["after the pass", "before the step"]
    readings.clear()
    step(capture, model, optimizer, TOUCHES[touch])
    assert readings == ["before the step"]


@pytest.mark.parametrize("alone", [0, 3])
def test_what_several_passes_add_up_is_read_in_full_before_the_step_alone(
    watch: Watch, readings: list[str], alone: int
) -> None:
    model = model_of()
    capture, optimizer = watch(model), SGD(model.parameters(), lr=1e-4)
    for _ in range(alone):
        step(capture, model, optimizer)
    for number in range(4):
        readings.clear()
        optimizer.zero_grad()
        for _ in range(3):
            backward(model)
        used = entries(model)
        optimizer.step()
        assert_are_right(capture, used, used)
        if number:
            assert readings == ["before the step"]


def test_rows_that_are_cleared_without_a_sign_in_every_step_are_found_out(
    watch: Watch, readings: list[str]
) -> None:
    model = model_of()
    capture, optimizer = watch(model), SGD(model.parameters(), lr=1e-4)
    for _ in range(5):
        readings.clear()
        step(capture, model, optimizer, lambda model: weight_gradient(model).data[7].zero_())
    assert readings == ["before the step"]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_may_be_mended_without_a_sign(
    watch: Watch, bad: float
) -> None:
    model = model_of()
    capture, optimizer = watch(model), SGD(model.parameters(), lr=1e-4)
    for _ in range(3):
        step(capture, model, optimizer)
    backward(model, by=bad)
    raw = entries(model)
    for one in model.parameters():
        assert one.grad is not None
        one.grad.data.nan_to_num_(nan=1.0, posinf=1.0, neginf=1.0)
    used = entries(model)
    optimizer.step()
    assert_are_right(capture, raw, used)
    assert capture.of("grad_nonfinite", "(root)") == 0


def test_a_step_that_is_left_out_takes_nothing_from_the_next(watch: Watch) -> None:
    model = model_of()
    capture, optimizer = watch(model), SGD(model.parameters(), lr=1e-4)
    for number in range(8):
        if number % 3 == 2:
            backward(model)
            optimizer.zero_grad()
        step(capture, model, optimizer)


@pytest.mark.parametrize("unscale", [False, True])
@pytest.mark.parametrize("fused", [False, True])
def test_a_scaler_shows_in_no_figure(watch: Watch, *, unscale: bool, fused: bool) -> None:
    model = model_of()
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=1e-4, fused=fused)
    scaler = GradScaler("cpu", init_scale=2.0**10)
    for number in range(6):
        optimizer.zero_grad()
        loss = model(torch.randn(4, 300)).square().sum()
        expected = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)
        scaler.scale(loss * float("inf") if number == 3 else loss).backward()
        if unscale:
            scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        assert capture.frames[-1].skipped == (number == 3)
        if number != 3:
            true = torch.cat([one.flatten() for one in expected]).double()
            assert_are_right(capture, true, true)


def test_a_closure_is_read_as_its_last_evaluation_left_it(watch: Watch) -> None:
    model = model_of()
    capture = watch(model)
    optimizer = LBFGS(model.parameters(), lr=1e-4, max_iter=3)
    x = torch.randn(4, 300)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss: Tensor = model(x).square().sum()
        loss.backward()
        return loss

    for _ in range(4):
        optimizer.step(closure)
        assert capture.of("grad_norm", "(root)") == pytest.approx(
            float(entries(model).norm()), rel=1e-4
        )


def test_two_optimizers_of_one_pass_each_use_what_it_left(
    watch: Watch, readings: list[str]
) -> None:
    model = nn.Sequential(nn.Linear(300, 300), nn.Linear(300, 300))
    capture = watch(model)
    optimizers = [SGD(part.parameters(), lr=1e-5) for part in model]
    for _ in range(5):
        readings.clear()
        model.zero_grad()
        model(torch.randn(4, 300)).square().sum().backward()
        expected = [float(entries(part).norm()) for part in model]
        for one in optimizers:
            one.step()
        for name, norm in zip("01", expected, strict=True):
            assert capture.of("grad_norm", name) == pytest.approx(norm, rel=1e-4)
            assert capture.of("raw_grad_norm", name) == pytest.approx(norm, rel=1e-4)
    assert readings == 2 * ["after the pass"]


def test_a_gradient_that_no_optimizer_uses_is_not_read_in_full(
    watch: Watch, readings: list[str]
) -> None:
    model = nn.Sequential(nn.Linear(300, 300), nn.Linear(300, 300))
    watch(model)
    optimizer = SGD(model[0].parameters(), lr=1e-5)
    for _ in range(5):
        readings.clear()
        model.zero_grad()
        model(torch.randn(4, 300)).square().sum().backward()
        optimizer.step()
    assert readings == ["before the step"]


def test_a_loop_without_an_optimizer_reads_once_too(watch: Watch) -> None:
    model = model_of()
    capture = watch(model)
    for _ in range(4):
        model.zero_grad()
        backward(model)
        used = entries(model)
        with torch.no_grad():
            for one in model.parameters():
                assert one.grad is not None
                one.sub_(1e-4 * one.grad)
        capture.cycle.end_manual_step(inside_forward=False)
        assert_are_right(capture, used, used)


def test_an_interrupt_while_gradients_are_read_loses_nothing_of_later_steps(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of()
    capture, optimizer = watch(model), SGD(model.parameters(), lr=1e-4)
    for _ in range(3):
        step(capture, model, optimizer)

    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(gradient_reader, "of_large", interrupted)
        with pytest.raises(KeyboardInterrupt):
            backward(model)
    for _ in range(3):
        step(capture, model, optimizer)


@pytest.mark.parametrize("touch", [None, *TOUCHES])
def test_training_is_the_same_with_and_without_it(watch: Watch, touch: str | None) -> None:
    weights = []
    for is_watched in (False, True):
        model = model_of()
        if is_watched:
            watch(model)
        optimizer = Adam(model.parameters(), lr=1e-3)
        for number in range(6):
            optimizer.zero_grad()
            backward(model)
            if number > 3 and touch is not None:
                TOUCHES[touch](model)
            optimizer.step()
        weights.append([one.detach().clone() for one in model.parameters()])
    assert all(map(torch.equal, *weights))
