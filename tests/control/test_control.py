"""Control on real training: where the loop stops, what a step is, and what applying and undoing do
to the weights."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler

from gradwidget.action import Action, Applied
from gradwidget.capture.capture import Capture
from gradwidget.control.control import Control
from gradwidget.diagnose.finding import Remedy
from gradwidget.frame import Frame, Inspection

PATIENCE = 20.0

# torch says so whenever a compiled module is called while a global hook is there, as during every
# sampled step.
pytestmark = pytest.mark.filterwarnings("ignore:Using `torch.compile:UserWarning")

CLIP = Remedy("Clip", "", "", {"kind": "clip", "max_norm": 0.01})
SLOWER = Remedy("Slow down", "", "", {"kind": "scale_lr", "factor": 0.1})
FRESH = Remedy("Start again", "", "", {"kind": "reinitialize", "layers": {"0": "xavier"}})
EDIT = Remedy("Use fewer layers", "", "model = ...")


class Training:
    """A loop in a thread that does not know of any of this; counts what it does."""

    accumulation = 1

    def __init__(self, steps: int = 16) -> None:
        torch.manual_seed(0)
        self.model = self.build()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9)
        self.frames: list[Frame] = []
        self.control = Control(self._actuate, inspect=self._inspect)
        self.capture = Capture(
            self.model, emit=self.frames.append, budget=None, gate=self.control.gate
        )
        self.steps, self.done = steps, 0
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def build(self) -> nn.Module:
        return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))

    def call(self, inputs: Tensor) -> Tensor:
        output: Tensor = self.model(inputs)
        return output

    def update(self, loss: Tensor) -> None:
        loss.backward()

    def finish_step(self) -> None:
        self.optimizer.step()
        self.optimizer.zero_grad()

    def train(self) -> None:
        noise = torch.Generator().manual_seed(1)
        while self.done < self.steps:
            for _ in range(self.accumulation):
                self.update(self.call(torch.randn(8, 4, generator=noise)).square().mean())
            self.finish_step()
            self.done += 1

    def weights(self) -> list[Tensor]:
        return [parameter.detach().clone() for parameter in self.model.parameters()]

    def _actuate(self, action: Action) -> Applied:
        return self.capture.actuator.apply(action)

    def _inspect(self, layer: str) -> None:
        self.capture.cycle.inspector.inspect_now(layer)

    def _run(self) -> None:
        torch.set_num_threads(1)
        try:
            self.train()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.error = error


class Accumulating(Training):
    accumulation = 3


class Scaled(Training):
    def __init__(self, steps: int = 16) -> None:
        super().__init__(steps)
        self.scaler = GradScaler("cpu", init_scale=1024.0, growth_interval=7)

    def update(self, loss: Tensor) -> None:
        # Every eleventh step overflows, so that the scaler skips it.
        scaled = self.scaler.scale(loss * float("inf") if self.done % 11 == 10 else loss)
        scaled.backward()

    def finish_step(self) -> None:
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()


class Manual(Training):
    """Without torch.optim: it takes some steps until capture knows that nobody announces them."""

    def finish_step(self) -> None:
        with torch.no_grad():
            for parameter in self.model.parameters():
                assert parameter.grad is not None
                parameter.sub_(parameter.grad, alpha=0.01)
                parameter.grad = None


class InParts(Training):
    """The model is never called as a whole."""

    def call(self, inputs: Tensor) -> Tensor:
        for part in self.model.children():
            inputs = part(inputs)
        return inputs


class Compiled(Training):
    def __init__(self, steps: int = 16) -> None:
        super().__init__(steps)
        self.compiled = torch.compile(self.model, backend="eager", fullgraph=True)

    def call(self, inputs: Tensor) -> Tensor:
        output: Tensor = self.compiled(inputs)
        return output


class Validating(Training):
    def finish_step(self) -> None:
        super().finish_step()
        self.model.eval()
        with torch.no_grad():
            self.model(torch.zeros(2, 4))
        self.model.train()


def nothing(action: Action) -> Applied:
    return Applied(lambda: None, action.text)


LOOPS: list[type[Training]] = [
    Training,
    Accumulating,
    Scaled,
    Manual,
    InParts,
    Compiled,
    Validating,
]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.001)


def number_of(training: Training) -> int:
    """The step that the loop is paused after; -1 while it is not."""
    step = training.control.gate.state.step
    return -1 if step is None else step


@contextmanager
def paused(training: Training) -> Iterator[None]:
    """The loop runs in its thread, paused after its first step; it is resumed at the end."""
    training.control.pause()
    training.thread.start()
    until(lambda: training.control.gate.state.mode == "paused" or not training.thread.is_alive())
    assert training.error is None
    yield
    training.control.gate.close()
    training.thread.join(PATIENCE)
    training.capture.close()
    assert not training.thread.is_alive()
    assert training.error is None
    assert training.capture.problems == []


@pytest.mark.parametrize("loop", LOOPS)
def test_a_step_is_exactly_one_optimizer_step(loop: type[Training]) -> None:
    training = loop()
    with paused(training):
        if loop is not Manual:
            assert training.done == 1
        for count in (1, 1, 3):
            before, number = training.done, number_of(training)
            training.control.step(count)
            until(lambda: number_of(training) == number + count)  # noqa: B023 - called in this turn
            assert training.done == before + count


@pytest.mark.slow
@pytest.mark.parametrize("loop", LOOPS)
def test_pausing_and_stepping_changes_no_weight(loop: type[Training]) -> None:
    plain = loop(30)
    plain.train()
    plain.capture.close()
    training = loop(30)
    with paused(training):
        number = number_of(training)
        training.control.step(2)
        until(lambda: number_of(training) == number + 2)
        training.control.resume()
        until(lambda: not training.thread.is_alive())
    for one, other in zip(training.weights(), plain.weights(), strict=True):
        assert torch.equal(one, other)


def test_the_loop_is_paused_before_the_next_forward_where_gradients_may_be_gone_already() -> None:
    training = Training()
    with paused(training):
        assert all(parameter.grad is None for parameter in training.model.parameters())
        assert training.capture.step == 1


def test_a_clip_applied_while_paused_bounds_the_norm_from_the_next_step_until_it_is_undone() -> (
    None
):
    training = Training()
    with paused(training):
        assert (
            training.control.apply(CLIP)
            == "After step 0: gradient clipped at a total norm of 0.01."
        )
        training.control.step(2)
        until(lambda: training.control.gate.state.step == 2)
        assert "taken back" in training.control.undo()
        training.control.step()
        until(lambda: training.control.gate.state.step == 3)
        change = training.control.changes[0]
        assert (change.number, change.step, change.undone_step) == (1, 0, 2)
        norms = [frame.scalars["total_grad_norm"] for frame in training.frames]
        assert norms[1:3] == pytest.approx([0.01, 0.01], rel=1e-3)
        assert min(norms[0], norms[3]) > 0.05
        raw = training.frames[1].scalars["raw_total_grad_norm"]
        assert raw > 0.05


@pytest.mark.parametrize("loop", LOOPS)
def test_a_layer_is_inspected_while_the_loop_is_paused_on_the_thread_that_trains(
    loop: type[Training],
) -> None:
    training = loop()
    seen: list[tuple[int, Inspection]] = []
    training.capture.cycle.inspector.emit = lambda found: seen.append(
        (threading.get_ident(), found)
    )
    with paused(training):
        number = number_of(training)
        training.capture.cycle.inspector.ask("0")
        assert (
            training.control.inspect("0").result(PATIENCE).text == f"Inspected after step {number}."
        )
        thread, found = seen[0]
        assert thread == training.thread.ident
        assert not isinstance(found.weight, str)
        assert found.weight.step == number
        assert not isinstance(found.gradient, str) or loop is Manual
        training.control.step()
        until(lambda: number_of(training) == number + 1)
        last = seen[-1][1]
        assert not isinstance(last.gradient, str)
        assert last.gradient.step == number + 1


def test_the_learning_rate_in_force_is_the_one_that_is_recorded() -> None:
    training = Training()
    with paused(training):
        training.control.apply(SLOWER)
        training.control.step()
        until(lambda: training.control.gate.state.step == 1)
        assert [frame.scalars["lr"] for frame in training.frames] == pytest.approx([0.01, 0.001])


def test_fresh_weights_are_undone_to_the_values_and_momentum_of_that_moment() -> None:
    training = Training()
    with paused(training):
        before = training.weights()
        momentum = {
            key: state["momentum_buffer"].clone() for key, state in training.optimizer.state.items()
        }
        training.control.apply(FRESH)
        assert not torch.equal(training.weights()[0], before[0])
        training.control.undo()
        assert all(
            torch.equal(one, other) for one, other in zip(training.weights(), before, strict=True)
        )
        for key, state in training.optimizer.state.items():
            assert torch.equal(state["momentum_buffer"], momentum[key])


def test_what_only_an_edit_can_do_is_refused() -> None:
    control = Control(nothing)
    with pytest.raises(ValueError, match="takes the edit shown in its code"):
        control.apply(EDIT)


def test_undoing_what_is_not_in_force_says_so() -> None:
    training = Training()
    with paused(training):
        with pytest.raises(ValueError, match="no change in force"):
            training.control.undo()
        with pytest.raises(ValueError, match="change 7 is not in force"):
            training.control.undo(7)


def test_a_change_asked_for_while_running_is_pending_and_made_between_two_steps() -> None:
    control = Control(nothing)
    assert control.apply(CLIP).startswith("Pending")
    assert not list(control.changes)
    control.gate.cross(5)
    assert [change.step for change in control.changes] == [5]


def test_changes_can_be_undone_in_any_order() -> None:
    undone: list[str] = []

    def actuate(action: Action) -> Applied:
        return Applied(lambda: undone.append(action.text), action.text)

    control = Control(actuate)
    for remedy in (CLIP, SLOWER):
        control.apply(remedy)
    control.undo(1)
    control.undo()
    control.gate.cross(0)
    assert [change.undone_step for change in control.changes] == [0, 0]
    assert undone == ["gradient clipped at a total norm of 0.01", "learning rate × 0.1"]


def test_no_hook_stays_when_nobody_wants_anything_any_more() -> None:
    from torch.nn.modules import module as torch_module  # noqa: PLC0415 - its private registry, read only here

    training = Training(3)
    training.capture.close()
    before = len(torch_module._global_forward_pre_hooks), len(torch_module._global_forward_hooks)
    training = Training(5)
    with paused(training):
        training.control.resume()
        until(lambda: not training.thread.is_alive())
    assert (
        len(torch_module._global_forward_pre_hooks),
        len(torch_module._global_forward_hooks),
    ) == before
