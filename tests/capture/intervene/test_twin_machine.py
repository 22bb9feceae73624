"""Remedies applied, undone and closed in any order, beside a run that does the same by hand.

The twin is watched by nobody. After every step its rates, its weights and its optimizer's state are
those of the run with remedies: a scaled rate is never seen outside the optimizer's own code.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Literal, get_args

import pytest
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim import lr_scheduler as schedules

from gradwidget.action import Applied, Clip, Reinitialize, ScaleLr
from gradwidget.capture.capture import Capture
from gradwidget.capture.intervene import reinitialize
from tests.capture.older_torch import plateau_keeps_tensors

Schedule = Literal["none", "after", "post hook", "pre hook", "plateau", "one cycle"]
Wrapper = Literal["none", "own groups", "shared groups", "hands its rate on"]
Place = Literal["pre hook", "code", "post hook"]

OURS = str(Path(reinitialize.__file__).parent)

FACTORS = st.sampled_from([0.1, 0.5, 3.0])


class Broken(Exception):  # noqa: N818  # the test's own
    """What the loop's own code raises."""


class Momentum(Optimizer):
    """Plain momentum; ``factors`` scale the rate in its own code, as the twin does by hand."""

    def __init__(self, parameters: Any, lr: Any) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": 0.9})
        self.factors: list[float] = []
        self.ran = 0
        self.fails = False

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # gives no loss
        del closure
        if self.fails:
            raise Broken
        self.ran += 1
        for group in self.param_groups:
            rate = group["lr"]
            for factor in self.factors:
                rate = rate * factor
            for parameter in group["params"]:
                if parameter.grad is not None:
                    state = self.state[parameter]
                    buffer = state.setdefault("buffer", torch.zeros_like(parameter))
                    buffer.mul_(group["momentum"]).add_(parameter.grad)
                    parameter.sub_(buffer * rate)


class Around(Optimizer):
    """A wrapper that leaves the step to the optimizer inside it."""

    def __init__(self, inner: Momentum, groups: Any, *, hands_on: bool) -> None:
        super().__init__(groups, {"lr": 0.0, "momentum": 0.9})
        self.inner, self.hands_on, self.handed = inner, hands_on, 0

    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # gives no loss
        del closure
        if self.hands_on:
            self.hand_on()
        self.inner.step()

    def hand_on(self) -> None:
        self.handed += 1
        self.inner.param_groups[0]["lr"] = self.param_groups[0]["lr"] * 1.5


class Run:
    """A small training loop."""

    def __init__(self, schedule: Schedule, wrapper: Wrapper, *, tensor_rate: bool) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
        self.noise = torch.Generator().manual_seed(1)
        rate: Any = torch.tensor(0.1) if tensor_rate else 0.1
        self.code = Momentum(self.model.parameters(), rate)
        self.optimizer: Optimizer = self.code
        if wrapper == "shared groups":
            self.optimizer = Around(self.code, self.code.param_groups, hands_on=False)
        elif wrapper != "none":
            groups = [{"params": list(self.model.parameters()), "lr": 0.1}]
            self.optimizer = Around(self.code, groups, hands_on=wrapper == "hands its rate on")
        self.fails_in: Place | None = None
        self.optimizer.register_step_pre_hook(lambda *_: self._hook("pre hook"))
        self.optimizer.register_step_post_hook(lambda *_: self._hook("post hook"))
        self.schedule = schedule
        scheduled = self.optimizer if wrapper == "hands its rate on" else self.code
        self.scheduler = _scheduler(schedule, scheduled)
        self.scheduled = 0

    def backward(self) -> Tensor:
        self.optimizer.zero_grad()
        loss: Tensor = self.model(torch.randn(4, 3, generator=self.noise)).square().mean()
        loss.backward()
        return loss.detach()

    def step_scheduler(self, loss: Tensor) -> None:
        if self.scheduler is not None:
            self.scheduled += 1
            self.scheduler.step(*([loss] if self.schedule == "plateau" else []))

    def finish(self, loss: Tensor) -> None:
        if self.schedule in ("after", "plateau", "one cycle"):
            self.step_scheduler(loss)

    def _hook(self, place: Place) -> None:
        if self.fails_in == place:
            raise Broken
        if self.schedule == place:
            self.step_scheduler(torch.zeros(()))

    def events(self) -> tuple[int, int, int]:
        return self.code.ran, self.scheduled, getattr(self.optimizer, "handed", 0)

    def rates(self) -> list[float]:
        return [
            float(group["lr"])
            for optimizer in (self.optimizer, self.code)
            for group in optimizer.param_groups
        ]

    def tensors(self) -> list[Tensor]:
        states = self.code.state_dict()["state"]
        return [
            *(parameter.detach() for parameter in self.model.parameters()),
            *(states[number]["buffer"] for number in sorted(states)),
        ]


class Own(float):
    """A number that is not the same as an equal one."""


def _added(numbers: list[float], number: float) -> Callable[[], object]:
    """Adds a number; what is returned takes this very one away again, wherever equal ones are."""
    own = Own(number)
    numbers.append(own)

    def take_away() -> None:
        del numbers[next(place for place, one in enumerate(numbers) if one is own)]

    return take_away


def _scheduler(schedule: Schedule, optimizer: Optimizer) -> Any:
    if schedule == "none":
        return None
    if schedule == "plateau":
        return schedules.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
    if schedule == "one cycle":
        return schedules.OneCycleLR(optimizer, 0.2, total_steps=1000)
    return schedules.ExponentialLR(optimizer, 0.9)


@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step:UserWarning")
class Twins(RuleBasedStateMachine):
    """The run that is watched, and the one that is not."""

    schedule: Schedule
    wrapper: Wrapper

    @initialize(tensor_rate=st.booleans(), factors=st.lists(FACTORS, max_size=2))
    def begin(self, tensor_rate: bool, factors: list[float]) -> None:  # noqa: FBT001 - hypothesis passes it by name
        schedule, wrapper = self.schedule, self.wrapper
        # A tensor cannot be handed on: two groups would share it.
        tensor_rate = tensor_rate and wrapper != "hands its rate on" and schedule != "one cycle"
        tensor_rate = tensor_rate and (schedule != "plateau" or plateau_keeps_tensors())
        self.watched = Run(schedule, wrapper, tensor_rate=tensor_rate)
        self.twin = Run(schedule, wrapper, tensor_rate=tensor_rate)
        self.rate_objects = [group["lr"] for group in self.watched.code.param_groups]
        self.bounds: list[float] = []
        self.in_force: list[tuple[Applied, Callable[[], object]]] = []
        self.capture = Capture(
            self.watched.model, emit=lambda _: None, budget=None, activations=False
        )
        self.step()
        for factor in factors:
            self.scale(factor)

    @rule()
    def step(self) -> None:
        for run in (self.watched, self.twin):
            loss = self._backward(run)
            run.optimizer.step()
            run.finish(loss)

    @rule(place=st.sampled_from(get_args(Place)), goes_on=st.booleans())
    def a_step_raises(self, place: Place, goes_on: bool) -> None:  # noqa: FBT001 - as above
        for run in (self.watched, self.twin):
            loss = self._backward(run)
            run.fails_in, run.code.fails = place, place == "code"
            with pytest.raises(Broken):
                run.optimizer.step()
            run.fails_in, run.code.fails = None, False
            if goes_on:
                run.finish(loss)

    @rule(line=st.integers(1, 160), goes_on=st.booleans())
    def an_interrupt_falls_in_a_step(self, line: int, goes_on: bool) -> None:  # noqa: FBT001 - as above
        loss, _ = self._backward(self.watched), self._backward(self.twin)
        before = self.watched.events()
        _interrupted(self.watched.optimizer.step, line)
        ran, scheduled, handed = (
            after - earlier for after, earlier in zip(self.watched.events(), before, strict=True)
        )
        # The twin does what the other one came to do, in the same order.
        twin = self.twin
        if twin.schedule == "pre hook" and scheduled:
            twin.step_scheduler(torch.zeros(()))
        if handed:
            assert isinstance(twin.optimizer, Around)
            twin.optimizer.hand_on()
        if ran:
            Momentum.step.__wrapped__(twin.code)  # type: ignore[attr-defined]  # without hooks
        if twin.schedule == "post hook" and scheduled:
            twin.step_scheduler(torch.zeros(()))
        if goes_on:
            self.watched.finish(loss)
            twin.finish(loss)

    @rule(factor=FACTORS)
    def scale(self, factor: float) -> None:
        applied = self.capture.actuator.apply(ScaleLr(factor))
        self.in_force.append((applied, _added(self.twin.code.factors, factor)))
        self.step()

    @rule(bound=st.sampled_from([0.01, 1.0]))
    def clip(self, bound: float) -> None:
        applied = self.capture.actuator.apply(Clip(bound))
        self.in_force.append((applied, _added(self.bounds, bound)))
        self.step()

    @rule(data=st.data())
    @precondition(lambda self: bool(self.in_force))
    def undo(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, len(self.in_force) - 1))
        applied, by_hand = self.in_force.pop(number)
        applied.undo()
        by_hand()

    @rule()
    def draw_and_take_back(self) -> None:
        before = [one.clone() for one in self.watched.tensors()]
        applied = self.capture.actuator.apply(Reinitialize({"0": "xavier", "2": "orthogonal"}))
        assert not torch.equal(before[0], self.watched.tensors()[0])
        applied.undo()

    @rule()
    def drawing_fails_midway(self) -> None:
        def fails(_weight: Tensor) -> None:
            message = "not this one"
            raise RuntimeError(message)

        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(reinitialize.SETTERS, "orthogonal", fails)
            with pytest.raises(ValueError, match="not this one"):
                self.capture.actuator.apply(Reinitialize({"0": "xavier", "2": "orthogonal"}))

    @rule()
    def close_and_watch_again(self) -> None:
        self._close()
        self.step()
        self.capture = Capture(
            self.watched.model, emit=lambda _: None, budget=None, activations=False
        )
        self.step()

    @invariant()
    def both_are_the_same(self) -> None:
        assert self.watched.rates() == self.twin.rates()
        for group, rate in zip(self.watched.code.param_groups, self.rate_objects, strict=True):
            assert group["lr"] is rate or not isinstance(rate, Tensor)
        for one, other in zip(self.watched.tensors(), self.twin.tensors(), strict=True):
            assert torch.equal(one, other)
        assert self.capture.problems == []

    def _close(self) -> None:
        self.capture.close()
        self.in_force, self.bounds, self.twin.code.factors = [], [], []

    def _backward(self, run: Run) -> Tensor:
        loss = run.backward()
        if run is self.twin:
            for bound in self.bounds:
                nn.utils.clip_grad_norm_(run.model.parameters(), bound)
        return loss

    def teardown(self) -> None:
        if hasattr(self, "capture"):
            self._close()
            self.both_are_the_same()
            assert "step" not in vars(self.watched.code) or self.watched.scheduler is not None
            assert len(self.watched.code._optimizer_step_pre_hooks) <= 1
            assert len(self.watched.code._optimizer_step_post_hooks) <= 1


_around_step = Optimizer.profile_hook_step(lambda _: None).__code__
"""Of what torch wraps around every ``step``."""


def _interrupted(call: Callable[[], object], line: int) -> None:
    """Calls, and interrupts at that line of ours and of torch's wrapper around a step, if any."""
    left = line

    def trace(frame: FrameType, event: str, _arg: object) -> Any:
        nonlocal left
        code = frame.f_code
        if not code.co_filename.startswith(OURS) and code is not _around_step:
            return trace if event == "call" else None
        if event == "line":
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)


@pytest.mark.slow
@pytest.mark.parametrize("wrapper", get_args(Wrapper))
@pytest.mark.parametrize("schedule", get_args(Schedule))
@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step:UserWarning")
def test_the_twins_stay_the_same_in_random_runs(schedule: Schedule, wrapper: Wrapper) -> None:
    run_state_machine_as_test(
        type("TheseTwins", (Twins,), {"schedule": schedule, "wrapper": wrapper}),
        settings=settings(
            max_examples=8,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
