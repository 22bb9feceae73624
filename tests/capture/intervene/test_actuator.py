"""Actions on real optimizers: the same as doing it by hand in the loop, and taken back without a
trace."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from torch.utils.hooks import RemovableHandle

from gradwidget.action import Action, Clip, Reinitialize, ScaleLr, SkipNonfinite
from gradwidget.capture.guard import Guard
from gradwidget.capture.intervene.actuator import Actuator

OPTIMIZERS: dict[str, Callable[[Any], Optimizer]] = {
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.01),
    "adamw fused": lambda parameters: torch.optim.AdamW(parameters, lr=0.01, fused=True),
}

_hooks: list[RemovableHandle] = []


@pytest.fixture(autouse=True)
def _no_hook_stays() -> Iterator[None]:
    yield
    while _hooks:
        _hooks.pop().remove()


def listen(actuator: Actuator, *optimizers: Optimizer) -> None:
    """Tells the actuator of their steps, from torch's global hooks as capture does."""

    def begins(optimizer: Optimizer, *_: object) -> None:
        if optimizer in optimizers and actuator.before_step(
            optimizer, are_several=len(optimizers) > 1
        ):
            actuator.withhold(optimizer)

    def ends(optimizer: Optimizer, *_: object) -> None:
        if optimizer in optimizers:
            actuator.after_step(optimizer)

    _hooks.extend(
        (register_optimizer_step_pre_hook(begins), register_optimizer_step_post_hook(ends))
    )


class Run:
    """A small model in training, with an actuator between its steps."""

    def __init__(self, optimizer: Callable[[Any], Optimizer] = OPTIMIZERS["sgd"]) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.BatchNorm1d(4), nn.Linear(4, 2))
        self.optimizer = optimizer(self.model.parameters())
        self.guard = Guard()
        self.actuator = Actuator(
            self.model, lambda: [self.optimizer], self.guard, rewired=lambda: None
        )
        listen(self.actuator, self.optimizer)
        self.noise = torch.Generator().manual_seed(1)

    def backward(self, scale: float = 1.0) -> None:
        self.optimizer.zero_grad()
        inputs = torch.randn(8, 3, generator=self.noise)
        (self.model(inputs).square().sum() * scale).backward()

    def step(self, by_hand: Callable[[], object] = lambda: None) -> None:
        self.backward()
        by_hand()
        self.optimizer.step()

    def weights(self) -> list[Tensor]:
        return [parameter.detach().clone() for parameter in self.model.parameters()]


def same(left: list[Tensor], right: list[Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(left, right, strict=True))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_clipping_is_what_clip_grad_norm_in_the_loop_would_be(name: str) -> None:
    acted, plain = Run(OPTIMIZERS[name]), Run(OPTIMIZERS[name])
    acted.actuator.apply(Clip(0.5))
    for _ in range(4):
        acted.step()
        plain.step(lambda: nn.utils.clip_grad_norm_(plain.model.parameters(), 0.5))
    assert same(acted.weights(), plain.weights())
    assert not same(acted.weights(), Run(OPTIMIZERS[name]).weights())


@pytest.mark.parametrize("fused", [False, True])
def test_clipping_under_a_gradient_scaler_sees_unscaled_gradients(*, fused: bool) -> None:
    def trained(clip: Callable[[Run, GradScaler], None]) -> list[Tensor]:
        run = Run(lambda parameters: torch.optim.SGD(parameters, lr=0.1, fused=fused))
        scaler = GradScaler("cpu", init_scale=1024.0)
        if clip is nothing:
            run.actuator.apply(Clip(0.5))
        for _ in range(3):
            run.optimizer.zero_grad()
            scaler.scale(
                run.model(torch.ones(8, 3) * torch.arange(8)[:, None]).square().sum()
            ).backward()
            clip(run, scaler)
            scaler.step(run.optimizer)
            scaler.update()
        return run.weights()

    def nothing(_run: Run, _scaler: GradScaler) -> None:
        return

    def by_hand(run: Run, scaler: GradScaler) -> None:
        scaler.unscale_(run.optimizer)
        nn.utils.clip_grad_norm_(run.model.parameters(), 0.5)

    for left, right in zip(trained(nothing), trained(by_hand), strict=True):
        torch.testing.assert_close(left, right)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_scaled_learning_rate_is_what_another_rate_would_be_and_is_seen_only_inside_the_step(
    name: str,
) -> None:
    acted, plain = Run(OPTIMIZERS[name]), Run(OPTIMIZERS[name])
    acted.actuator.apply(ScaleLr(0.5))
    rate = plain.optimizer.param_groups[0]["lr"]
    plain.optimizer.param_groups[0]["lr"] = rate * 0.5
    for _ in range(4):
        acted.step()
        plain.step()
    assert same(acted.weights(), plain.weights())
    assert acted.optimizer.param_groups[0]["lr"] == rate


@pytest.mark.parametrize(
    "schedule",
    [
        lambda optimizer: torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda epoch: 1 / (1 + epoch)
        ),
        lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 5),
        lambda optimizer: torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10),
    ],
)
def test_schedulers_go_on_as_they_would_have(schedule: Callable[[Optimizer], Any]) -> None:
    acted, plain = Run(), Run()
    schedules = schedule(acted.optimizer), schedule(plain.optimizer)
    undo = acted.actuator.apply(ScaleLr(0.1)).undo
    for _ in range(5):
        acted.step()
        plain.step()
        for one in schedules:
            one.step()
        assert acted.optimizer.param_groups[0]["lr"] == plain.optimizer.param_groups[0]["lr"]
    undo()
    assert (
        acted.optimizer.state_dict()["param_groups"] == plain.optimizer.state_dict()["param_groups"]
    )


def test_one_parameter_group_can_be_scaled_alone() -> None:
    def grouped(parameters: Any) -> Optimizer:
        first, *others = parameters
        return torch.optim.SGD([{"params": [first]}, {"params": others}], lr=0.1)

    acted, plain = Run(grouped), Run(grouped)
    acted.actuator.apply(ScaleLr(2.0, group=1))
    acted.step()
    plain.step()
    assert torch.equal(acted.weights()[0], plain.weights()[0])
    assert not torch.equal(acted.weights()[1], plain.weights()[1])


def test_a_step_that_raises_leaves_no_scaled_rate_behind() -> None:
    run = Run()
    run.actuator.apply(ScaleLr(0.1))

    def fails() -> Tensor:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.optimizer.step(fails)  # type: ignore[arg-type]  # a closure that gives no loss
    run.step()
    assert run.optimizer.param_groups[0]["lr"] == 0.1


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_steps_that_are_not_finite_change_nothing_and_keep_their_gradients(
    name: str, bad: float
) -> None:
    run = Run(OPTIMIZERS[name])
    run.actuator.apply(SkipNonfinite())
    run.step()
    before, state = run.weights(), copy.deepcopy(run.optimizer.state_dict())
    run.backward()
    gradient = run.model[0].weight.grad
    assert isinstance(gradient, Tensor)
    gradient[0, 0] = bad
    run.optimizer.step()
    assert same(before, run.weights())
    assert str(state) == str(run.optimizer.state_dict())
    assert run.model[0].weight.grad is gradient
    run.step()
    assert not same(before, run.weights())


def test_fresh_weights_have_the_scale_of_their_scheme_and_no_momentum() -> None:
    torch.manual_seed(0)
    first, square, last = nn.Linear(400, 300), nn.Linear(300, 300), nn.Linear(300, 10)
    model = nn.Sequential(first, nn.ReLU(), square, last)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(2, 400)).sum().backward()
    optimizer.step()
    actuator = Actuator(model, lambda: [optimizer], Guard(), rewired=lambda: None)
    kept, old = last.weight.detach().clone(), first.weight.detach().clone()
    undo = actuator.apply(Reinitialize({"0": "kaiming", "2": "orthogonal"})).undo
    assert first.weight.std().item() == pytest.approx((2 / 400) ** 0.5, rel=0.05)
    assert first.bias.abs().max().item() == 0
    torch.testing.assert_close(square.weight @ square.weight.T, torch.eye(300), atol=1e-4, rtol=0)
    assert torch.equal(last.weight, kept)
    assert set(optimizer.state) == set(last.parameters())
    undo()
    assert torch.equal(first.weight, old)
    assert set(optimizer.state) == set(model.parameters())


def test_undoing_everything_gives_back_the_run_without_any_of_it() -> None:
    acted, plain = Run(OPTIMIZERS["adam"]), Run(OPTIMIZERS["adam"])
    acted.step()
    plain.step()
    actions: list[Action] = [
        Clip(0.01),
        ScaleLr(3.0),
        SkipNonfinite(),
        Reinitialize({"0": "xavier", "3": "xavier_tanh"}),
    ]
    for applied in [acted.actuator.apply(action) for action in actions]:
        applied.undo()
    for _ in range(3):
        acted.step()
        plain.step()
    assert same(acted.weights(), plain.weights())


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (Reinitialize({"9": "xavier"}), "no layer '9'"),
        (Reinitialize({"0": "xavier", "2": "xavier"}), "'2' has no weight matrix"),
        (ScaleLr(0.1, group=4), "there is no parameter group 4; the optimizer has 1"),
    ],
)
def test_what_cannot_be_done_says_why_and_changes_nothing(action: Action, reason: str) -> None:
    run = Run()
    before = run.weights()
    with pytest.raises(ValueError, match=reason):
        run.actuator.apply(action)
    assert same(before, run.weights())


def test_lazy_and_parametrized_weights_are_not_drawn() -> None:
    model = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)), nn.LazyLinear(2))
    optimizer = torch.optim.SGD(model[0].parameters(), lr=0.1)
    actuator = Actuator(model, lambda: [optimizer], Guard(), rewired=lambda: None)
    with pytest.raises(ValueError, match="parametrization"):
        actuator.apply(Reinitialize({"0": "xavier"}))
    with pytest.raises(ValueError, match="has not seen an input"):
        actuator.apply(Reinitialize({"1": "xavier"}))


def test_gradients_inside_lbfgs_cannot_be_changed() -> None:
    model = nn.Linear(2, 1)
    optimizer = torch.optim.LBFGS(model.parameters())
    with pytest.raises(ValueError, match="LBFGS"):
        Actuator(model, lambda: [optimizer], Guard(), rewired=lambda: None).apply(Clip(1.0))


def test_before_the_first_step_there_is_nothing_to_act_on() -> None:
    with pytest.raises(ValueError, match="no optimizer has stepped"):
        Actuator(nn.Linear(2, 1), list, Guard(), rewired=lambda: None).apply(Clip(1.0))


def test_a_failing_intervention_is_reported_and_the_step_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        message = "no such luck"
        raise RuntimeError(message)

    run, plain = Run(), Run()
    run.actuator.apply(Clip(1.0))
    monkeypatch.setattr(nn.utils, "clip_grad_norm_", fail)
    run.step()
    plain.step()
    assert same(run.weights(), plain.weights())
    assert [problem.where for problem in run.guard.problems] == ["clipping the gradient"]
