"""Outputs and their gradients, of every call of every layer, against plain autograd."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from gradwidget.capture.collect.activation_columns import activation_columns
from gradwidget.capture.collect.activations import ActivationCache, Activations
from gradwidget.capture.collect.output_gradients import OutputGradientHooks
from gradwidget.capture.collect.outputs import first_tensor, unit_dimension
from gradwidget.capture.guard import Guard
from gradwidget.capture.stats.readback import Readback
from gradwidget.capture.unmeasured import NO_BACKWARD, NO_GRAD_MODE, NO_GRAPH, UNSEEN
from gradwidget.frame import Layer

PLAIN = nn.Identity()


class Step:
    """Collects one step, and gives its metrics by layer."""

    def __init__(self, cache: ActivationCache | None = None) -> None:
        self.guard = Guard()
        self.cache = cache or ActivationCache(self.guard)
        self.why: dict[str, str] = {}
        self.readback = Readback()
        hooks = OutputGradientHooks(self.guard)
        hooks.is_passing = True
        self.activations = Activations(self.readback, hooks.register, self.cache, self.why)

    def add(self, layer: str, output: object, module: nn.Module = PLAIN) -> bool:
        return self.activations.add_output(layer, module, (), output)

    def backward(self, loss: Tensor) -> None:
        self.activations.find_nonlinearities([loss])
        loss.backward()
        self.activations.end_round()

    def metrics(self, *names: str, scale: float = 1.0) -> dict[str, dict[str, float]]:
        self.activations.measure_staged()
        layers = tuple(Layer(name, "Identity", {}, trainable=True) for name in names)
        columns = activation_columns(self.activations.outputs, layers, scale, self.why)
        assert self.guard.problems == []
        return {
            name: {
                metric: float(column.values[row])
                for metric, column in columns.items()
                if column.measured[row]
            }
            for row, name in enumerate(names)
        }


def rms(*tensors: Tensor) -> float:
    entries = torch.cat([one.detach().double().reshape(-1) for one in tensors])
    return math.sqrt(float(entries.square().mean()))


@given(
    st.lists(st.sampled_from([(2, 3), (4, 3), (300, 400)]), min_size=1, max_size=4),
    st.sampled_from([None, torch.relu, torch.tanh]),
    st.sampled_from([1.0, 1024.0]),
)
@settings(deadline=None, max_examples=30)
def test_all_calls_of_a_layer_are_combined(
    shapes: list[tuple[int, ...]], follows: Callable[[Tensor], Tensor] | None, scale: float
) -> None:
    torch.manual_seed(0)
    step = Step()
    calls, after = [], []
    for shape in shapes:
        output = torch.randn(shape, requires_grad=True) * 2
        output.retain_grad()
        assert step.add("layer", output)
        calls.append(output)
        after.append(output if follows is None else follows(output))
    step.backward(scale * sum((one.square().mean() for one in after), start=torch.zeros(())))
    found = step.metrics("layer", scale=scale)["layer"]
    gradients = [one.grad / scale for one in calls if one.grad is not None]
    assert found["act_rms"] == pytest.approx(rms(*after), rel=1e-4)
    assert found["act_grad_rms"] == pytest.approx(rms(*gradients), rel=1e-4)
    zeros = sum(int((one == 0).sum()) for one in after) / sum(one.numel() for one in after)
    assert found["act_zero_fraction"] == pytest.approx(zeros)
    assert ("act_saturated_fraction" in found) == (follows is torch.tanh)


def test_the_activation_function_is_looked_up_once_and_nothing_is_held_afterwards() -> None:
    cache = ActivationCache(Guard())
    for number in range(2):
        step = Step(cache)
        output = torch.randn(4, 3, requires_grad=True) * 2
        step.add("layer", output)
        assert len(step.activations._held) == (1 if number == 0 else 0)
        found = step.activations.find_nonlinearities([output.relu().sum()])
        assert found == ({"layer": "relu"} if number == 0 else {})
        assert step.activations._held == []


def test_an_evaluation_between_does_not_count_where_a_backward_came_through() -> None:
    step = Step()
    used, unused = (torch.randn(3, 2, requires_grad=True) * 2 for _ in range(2))
    step.add("layer", used)
    step.add("layer", unused)
    step.backward(used.sum())
    assert step.metrics("layer")["layer"]["act_rms"] == pytest.approx(rms(used), rel=1e-5)


def test_a_unit_is_dead_that_was_0_in_every_call() -> None:
    step = Step()
    outputs = [
        torch.ones(3, 4, requires_grad=True) * torch.tensor(row)
        for row in ([1.0, 0, 0, 0], [0.0, 1, 0, 0])
    ]
    for output in outputs:
        step.add("layer", output)
    step.backward((outputs[0] + outputs[1]).sum())
    assert step.metrics("layer")["layer"]["act_dead_fraction"] == 0.5


def test_two_backward_passes_through_one_output_leave_its_gradient_unknown() -> None:
    step = Step()
    output = torch.randn(3, 2, requires_grad=True) * 2
    step.add("layer", output)
    step.activations.find_nonlinearities([output.sum()])
    output.sum().backward(retain_graph=True)
    output.square().sum().backward()
    found = step.metrics("layer")["layer"]
    assert "act_rms" in found
    assert "act_grad_norm" not in found


def test_gradients_that_were_dropped_are_not_counted() -> None:
    step = Step()
    output = torch.randn(3, 2, requires_grad=True) * 2
    step.add("layer", output)
    step.activations.find_nonlinearities([output.sum()])
    torch.autograd.grad(output.sum(), output, retain_graph=True)
    step.activations.drop_gradients()
    step.backward(3 * output.sum())
    assert step.metrics("layer")["layer"]["act_grad_norm"] == pytest.approx(3 * 6**0.5)


def test_outputs_that_led_to_cleared_gradients_are_dropped_and_the_fresh_ones_stay() -> None:
    step = Step()
    first, second = (torch.randn(3, 2, requires_grad=True) * 2 for _ in range(2))
    step.add("layer", first)
    step.backward(first.sum())
    step.add("layer", second)
    step.activations.drop_cleared()
    assert len(step.activations.outputs) == 1
    step.backward(second.sum())
    assert step.metrics("layer")["layer"]["act_rms"] == pytest.approx(rms(second), rel=1e-5)


def test_why_a_layer_is_not_measured_is_said() -> None:
    step = Step()
    with torch.no_grad():
        assert not step.add("no grad", torch.ones(2, 2))
    step.add("unused", torch.randn(2, 2, requires_grad=True) * 2)
    step.add("frozen", torch.ones(2, 2))
    step.activations.explain_unseen(["no grad", "unused", "unseen"], UNSEEN)
    found = step.metrics("no grad", "unused", "frozen", "unseen")
    assert not any(found.values())
    assert step.why == {
        "no grad": NO_GRAD_MODE,
        "unused": NO_BACKWARD,
        "frozen": NO_GRAPH,
        "unseen": UNSEEN,
    }


def test_an_activation_module_shows_what_follows_an_output_without_a_graph() -> None:
    step = Step()
    outputs = {str(number): torch.randn(3, 2) for number in range(50)}
    for name, output in outputs.items():
        step.add(name, output)
    for name, output in outputs.items():
        assert step.activations.match_activation_module(nn.ReLU(), (output,)) == {name: "relu"}
    assert step.activations.match_activation_module(nn.ReLU(), (torch.randn(3, 2),)) == {}
    assert step.activations.match_activation_module(nn.ReLU(), ()) == {}
    found = step.metrics(*outputs)
    for name, output in outputs.items():
        assert found[name]["act_rms"] == pytest.approx(rms(output.relu()), rel=1e-5)


def test_a_layer_that_fails_costs_no_other_and_is_left_alone_in_the_end() -> None:
    class Bad(Tensor):
        @property
        def layout(self) -> torch.layout:  # type: ignore[override]  # as a faulty class of a user
            raise RuntimeError

    cache = ActivationCache(Guard())
    for _ in range(4):
        step = Step(cache)
        step.add("good", good := torch.randn(3, 2, requires_grad=True) * 2)
        with torch.no_grad():
            data = torch.ones(2).as_subclass(Bad)
        step.activations.add_output("bad", PLAIN, (data,), torch.randn(2, requires_grad=True) * 2)
        step.backward(good.sum())
        assert step.metrics("good", "bad")["good"]["act_rms"] == pytest.approx(rms(good), rel=1e-5)
        assert "could not be read" in step.why["bad"]
    assert {one.where for one in cache.guard.problems} == {"reading the output of bad"}


def test_units_are_channels_of_convolutions_and_what_normalizes_them() -> None:
    picture = torch.ones(2, 3, 8, 8)
    assert unit_dimension(nn.Conv2d(3, 3, 1), picture) == -3
    assert unit_dimension(nn.Conv1d(3, 3, 1), picture[0]) == -2
    assert unit_dimension(nn.BatchNorm2d(3), picture) == -3
    assert unit_dimension(nn.GroupNorm(1, 3), picture) == -3
    assert unit_dimension(nn.BatchNorm1d(3), torch.ones(2, 3)) == -1
    assert unit_dimension(nn.Linear(3, 3), picture) == -1
    assert unit_dimension(nn.Conv2d(3, 3, 1), torch.ones(())) == -1, "as a subclass may return"


def test_the_first_tensor_of_a_structure_is_found() -> None:
    tensor = torch.ones(2)
    for output in (tensor, (1, tensor), {"ids": torch.ones(2).long(), "h": [tensor]}, [(), tensor]):
        assert first_tensor(output) is tensor
    assert first_tensor((None, "text", torch.ones(2).bool())) is None
