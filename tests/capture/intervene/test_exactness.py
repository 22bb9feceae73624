"""Remedies in real loops, where something goes wrong or is unusual: exact all the same."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ExponentialLR

from gradwidget.action import Clip, Reinitialize, ScaleLr, SkipNonfinite
from gradwidget.capture.capture import Capture
from gradwidget.capture.intervene import reinitialize


class Stop(Exception):  # noqa: N818  # the test's own
    """What the loop's own code raises."""


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))


def watch(model: nn.Module) -> Capture:
    return Capture(model, emit=lambda _: None, budget=None)


def backward(model: nn.Module, *optimizers: Optimizer, scale: float = 1.0) -> None:
    for optimizer in optimizers:
        optimizer.zero_grad()
    (model(torch.ones(4, 4)).square().mean() * scale).backward()


def step(model: nn.Module, *optimizers: Optimizer, scale: float = 1.0) -> None:
    backward(model, *optimizers, scale=scale)
    for optimizer in optimizers:
        optimizer.step()


def total_norm(model: nn.Module) -> float:
    norms = [one.grad.norm() for one in model.parameters() if one.grad is not None]
    return float(torch.stack(norms).norm())


def test_a_scheduler_made_while_a_rate_is_scaled_goes_on_after_the_undo() -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    capture = watch(model)
    step(model, optimizer)
    applied = capture.actuator.apply(ScaleLr(0.1))
    scheduler = ExponentialLR(optimizer, 0.5)
    for _ in range(2):
        step(model, optimizer)
        scheduler.step()
    applied.undo()
    step(model, optimizer)
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == 0.125
    capture.close()


def test_an_optimizer_with_a_remedy_can_be_copied_and_is_clean_after_it() -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    capture = watch(model)
    step(model, optimizer)
    applied = capture.actuator.apply(ScaleLr(0.1))
    step(model, optimizer)
    assert copy.deepcopy(optimizer).param_groups[0]["lr"] == 1.0
    applied.undo()
    assert "step" not in vars(optimizer)
    assert not optimizer._optimizer_step_pre_hooks
    assert not optimizer._optimizer_step_post_hooks
    capture.close()


@pytest.mark.parametrize("hook", ["register_step_pre_hook", "register_step_post_hook"])
def test_a_monitor_closed_from_a_hook_of_the_step_leaves_nothing(hook: str) -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    capture = watch(model)
    step(model, optimizer)
    capture.actuator.apply(ScaleLr(0.1))
    handle = getattr(optimizer, hook)(lambda *_: capture.close())
    step(model, optimizer)
    handle.remove()
    assert optimizer.param_groups[0]["lr"] == 1.0
    assert "step" not in vars(optimizer)
    assert not optimizer._optimizer_step_pre_hooks
    assert not optimizer._optimizer_step_post_hooks


def test_a_scheduler_stepped_after_a_failed_call_of_a_step_that_was_bound_before() -> None:
    # Nothing tells of the end of that call; the next step puts the rate back.
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    bound = optimizer.step
    capture = watch(model)
    step(model, optimizer)
    capture.actuator.apply(ScaleLr(0.1))
    handle = optimizer.register_step_post_hook(_raises)
    backward(model, optimizer)
    with pytest.raises(Stop):
        bound()
    handle.remove()
    assert optimizer.param_groups[0]["lr"] == 1.0
    capture.close()


def _raises(*_: object) -> None:
    raise Stop


def test_a_rate_that_the_optimizer_sets_itself_is_left_alone_and_said_so() -> None:
    class Stubborn(torch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            self.param_groups[0]["lr"] = 0.25
            return super().step(closure)

    model = network()
    optimizer = Stubborn(model.parameters(), lr=1.0)
    capture = watch(model)
    step(model, optimizer)
    capture.actuator.apply(ScaleLr(0.1))
    step(model, optimizer)
    assert optimizer.param_groups[0]["lr"] == 0.25
    assert [problem.message for problem in capture.problems] == [
        "Stubborn sets its learning rate itself inside step(), so scaling it has no effect"
    ]
    capture.close()


def test_a_rate_in_a_tensor_that_a_scheduler_fills_stays_the_same_object() -> None:
    model = network()
    rate = torch.tensor(1.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    scheduler = ExponentialLR(optimizer, 0.5)
    optimizer.register_step_post_hook(lambda *_: scheduler.step())
    capture = watch(model)
    step(model, optimizer)
    capture.actuator.apply(ScaleLr(0.1))
    step(model, optimizer)
    assert optimizer.param_groups[0]["lr"] is rate
    assert float(rate) == 0.25
    capture.close()


def test_gradients_hidden_from_a_skipped_step_that_raises_are_back() -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    capture = watch(model)
    step(model, optimizer)
    capture.actuator.apply(SkipNonfinite())
    optimizer.register_step_pre_hook(_raises)
    backward(model, optimizer, scale=float("nan"))
    gradients = [one.grad for one in model.parameters()]
    with pytest.raises(Stop):
        optimizer.step()
    assert all(
        one.grad is gradient for one, gradient in zip(model.parameters(), gradients, strict=True)
    )
    capture.close()


def test_a_wrapper_that_shares_its_groups_has_the_scaled_rate_throughout_its_step() -> None:
    seen: list[float] = []

    class Sharing(Optimizer):
        def __init__(self, inner: Optimizer) -> None:
            super().__init__(inner.param_groups, {})
            self.inner = inner

        def step(self, closure: Any = None) -> None:  # type: ignore[override]  # gives no loss
            del closure
            seen.append(self.param_groups[0]["lr"])
            self.inner.step()
            seen.append(self.param_groups[0]["lr"])

    model = network()
    optimizer = Sharing(torch.optim.SGD(model.parameters(), lr=1.0))
    capture = watch(model)
    step(model, optimizer)
    capture.actuator.apply(ScaleLr(0.5))
    step(model, optimizer)
    assert seen == [1.0, 1.0, 0.5, 0.5]
    assert optimizer.param_groups[0]["lr"] == 1.0
    capture.close()


@pytest.mark.parametrize("scheme", ["kaiming", "orthogonal"])
@pytest.mark.parametrize("error", [RuntimeError("no kernel for it"), KeyboardInterrupt()])
def test_weights_that_cannot_all_be_drawn_are_all_what_they_were(
    scheme: str, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(weight: Tensor) -> None:
        weight.normal_()
        raise error

    model = network()
    optimizer = torch.optim.Adam(model.parameters())
    capture = watch(model)
    step(model, optimizer)
    weights = copy.deepcopy(model.state_dict())
    state, random = copy.deepcopy(optimizer.state_dict()), torch.get_rng_state()
    setters: Any = reinitialize.SETTERS
    monkeypatch.setitem(setters, scheme, fails)
    action = Reinitialize({"0": "xavier", "2": scheme})  # type: ignore[dict-item]  # added above
    expected = KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else ValueError
    with pytest.raises(expected):
        capture.actuator.apply(action)
    assert all(torch.equal(weights[name], now) for name, now in model.state_dict().items())
    assert str(state) == str(optimizer.state_dict())
    assert torch.equal(random, torch.get_rng_state())
    capture.close()


def test_half_precision_weights_are_drawn_orthogonal_too() -> None:
    weight = torch.empty(6, 6, dtype=torch.bfloat16)
    reinitialize.SETTERS["orthogonal"](weight)
    torch.testing.assert_close((weight.float() @ weight.float().T), torch.eye(6), atol=0.05, rtol=0)


def test_undoing_fresh_weights_forgets_optimizer_state_that_was_not_there() -> None:
    model = network()
    first, last = model[0], model[2]
    optimizer = torch.optim.Adam(model.parameters())
    assert isinstance(last, nn.Linear)
    last.requires_grad_(False)  # noqa: FBT003 - torch's own signature
    capture = watch(model)
    step(model, optimizer)
    before = copy.deepcopy(optimizer.state_dict()["state"])
    applied = capture.actuator.apply(Reinitialize({"0": "xavier", "2": "xavier"}))
    last.requires_grad_(True)  # noqa: FBT003 - as above
    step(model, optimizer)
    assert last.weight in optimizer.state
    applied.undo()
    after = optimizer.state_dict()["state"]
    assert last.weight not in optimizer.state
    assert str(before) == str(after)
    assert isinstance(first, nn.Linear)
    capture.close()


def test_a_wrapper_that_shares_its_state_gets_it_back() -> None:
    class Sharing(Optimizer):
        def __init__(self, inner: Optimizer) -> None:
            super().__init__(inner.param_groups, {})
            self.inner, self.state = inner, inner.state

        def step(self, closure: Any = None) -> None:  # type: ignore[override]  # gives no loss
            del closure
            self.inner.step()

    model = network()
    inner = torch.optim.Adam(model.parameters())
    optimizer = Sharing(inner)
    capture = watch(model)
    step(model, optimizer)
    before = copy.deepcopy(inner.state_dict()["state"])
    capture.actuator.apply(Reinitialize({"0": "xavier"})).undo()
    after = inner.state_dict()["state"]
    assert sorted(map(str, before.items())) == sorted(map(str, after.items()))
    capture.close()


def test_fresh_weights_of_a_layer_that_has_changed_its_shape_cannot_be_taken_back() -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    capture = watch(model)
    step(model, optimizer)
    applied = capture.actuator.apply(Reinitialize({"0": "xavier"}))
    first = model[0]
    assert isinstance(first, nn.Linear)
    first.bias.data = torch.zeros(5)
    drawn = first.weight.detach().clone()
    with pytest.raises(ValueError, match="changed its shape"):
        applied.undo()
    assert torch.equal(first.weight, drawn)
    capture.close()


@pytest.mark.parametrize("bound", [0.01, 1e6])
def test_sparse_gradients_are_clipped_as_dense_ones_would_be(bound: float) -> None:
    def trained(*, sparse: bool) -> list[Tensor]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.EmbeddingBag(10, 4, sparse=sparse), nn.Linear(4, 2))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        capture = watch(model)
        for number in range(4):
            optimizer.zero_grad()
            model(torch.tensor([[1, 2, 2], [3, 1, 9]])).square().sum().backward()
            optimizer.step()
            if number == 0:
                capture.actuator.apply(Clip(bound))
            elif bound < 1:
                norms = [
                    one.grad.to_dense().norm() for one in model.parameters() if one.grad is not None
                ]
                assert float(torch.stack(norms).norm()) == pytest.approx(bound, rel=1e-3)
        assert capture.problems == []
        capture.close()
        return [one.detach() for one in model.parameters()]

    for one, other in zip(trained(sparse=True), trained(sparse=False), strict=True):
        torch.testing.assert_close(one, other)


def test_two_optimizers_that_step_together_are_clipped_as_one() -> None:
    model = network()
    first, last = (torch.optim.SGD(model[number].parameters(), lr=1e-3) for number in (0, 2))
    capture = watch(model)
    for _ in range(2):
        step(model, first, last, scale=100.0)
    applied = capture.actuator.apply(Clip(0.5))
    assert applied.text == "gradient clipped at a total norm of 0.5"
    backward(model, first, last, scale=100.0)
    assert total_norm(model) > 1
    gradients = [one.grad.clone() for one in model.parameters() if one.grad is not None]
    scale = 0.5 / (total_norm(model) + 1e-6)
    first.step()
    last.step()
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient * scale, rtol=1e-5, atol=0)
    capture.close()


def test_optimizers_that_take_turns_are_clipped_each_on_its_own_and_it_is_said() -> None:
    model = network()
    first, last = (torch.optim.SGD(model[number].parameters(), lr=1e-3) for number in (0, 2))
    capture = watch(model)

    def turn(optimizer: Optimizer) -> None:
        step(model, optimizer, scale=100.0)

    for _ in range(2):
        turn(first)
        turn(last)
    applied = capture.actuator.apply(Clip(0.5))
    assert applied.text == (
        "gradient clipped at a total norm of 0.5, for each optimizer on its own"
    )
    turn(first)
    norms = [one.grad.norm() for one in model[0].parameters() if one.grad is not None]
    assert float(torch.stack(norms).norm()) == pytest.approx(0.5, rel=1e-4)
    capture.close()


def test_gradients_that_a_scaler_has_not_unscaled_yet_are_not_counted() -> None:
    model = network()
    first, last = (torch.optim.SGD(model[number].parameters(), lr=1e-3) for number in (0, 2))
    scaler = GradScaler("cpu", init_scale=1024.0)
    capture = watch(model)
    for number in range(4):
        for optimizer in (first, last):
            optimizer.zero_grad()
        scaler.scale(model(torch.ones(4, 4)).square().mean() * 100).backward()
        scaler.step(first)
        scaler.step(last)
        scaler.update()
        if number == 1:
            assert "each optimizer" in capture.actuator.apply(Clip(0.5)).text
    for part in (model[0], model[2]):
        norms = [one.grad.norm() for one in part.parameters() if one.grad is not None]
        assert float(torch.stack(norms).norm()) == pytest.approx(0.5, rel=1e-3)
    capture.close()


@pytest.mark.parametrize("action", [Clip(1.0), SkipNonfinite()])
def test_gradients_that_a_closure_makes_cannot_be_changed(action: Clip | SkipNonfinite) -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    capture = watch(model)

    def closure() -> float:
        backward(model, optimizer)
        return 0.0

    optimizer.step(closure)
    with pytest.raises(ValueError, match="SGD computes its gradients inside step"):
        capture.actuator.apply(action)
    step(model, optimizer)
    capture.actuator.apply(action).undo()
    capture.close()


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("foreach", [False, True])
def test_fused_and_foreach_steps_use_the_scaled_rate(*, fused: bool, foreach: bool) -> None:
    def trained(rate: float, apply: Callable[[Capture], object]) -> list[Tensor]:
        model = network()
        optimizer = torch.optim.SGD(
            model.parameters(), lr=0.1, fused=fused, foreach=foreach and not fused
        )
        capture = watch(model)
        step(model, optimizer)
        apply(capture)
        optimizer.param_groups[0]["lr"] = rate
        step(model, optimizer)
        capture.close()
        return [one.detach() for one in model.parameters()]

    by_us = trained(0.1, lambda capture: capture.actuator.apply(ScaleLr(0.5)))
    by_hand = trained(0.1 * 0.5, lambda _: None)
    assert all(torch.equal(one, other) for one, other in zip(by_us, by_hand, strict=True))


def test_two_threads_that_step_at_once_are_not_taken_for_a_wrapper() -> None:
    model = network()
    first, last = (torch.optim.SGD(model[number].parameters(), lr=1e-3) for number in (0, 2))
    capture = watch(model)
    backward(model, first, last)
    other = threading.Thread(target=last.step)

    def step_elsewhere(*_: Any) -> None:
        other.start()
        other.join()

    handle = first.register_step_pre_hook(step_elsewhere)
    first.step()
    handle.remove()
    assert capture.actuator._nesting.inside(first) == []
    capture.close()
