"""Layers that are no modules are measured as modules are, compared with plain autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parameter import Parameter
from torch.optim import SGD

from gradwidget import GradMonitor
from gradwidget.capture.unmeasured import OPERATION
from tests.capture.older_torch import reads_saved_tensors

Watch = Callable[..., Any]
DEPTH = 4


class Listed(nn.Module):
    """A chain of weights in lists, which keeps what its operations give."""

    def __init__(self, activation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.W = nn.ParameterList([Parameter(torch.randn(6, 6) / 2) for _ in range(DEPTH)])
        self.b = nn.ParameterList([Parameter(torch.randn(6) / 10) for _ in range(DEPTH)])
        self.activation = activation
        self.results: list[Tensor] = []
        self.values: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        for number in range(DEPTH):
            x = functional.linear(x, self.W[number], self.b[number])
            x.retain_grad()
            self.results.append(x)
            if number < DEPTH - 1:
                x = self.activation(x)
                self.values.append(x.detach())
        return x


@reads_saved_tensors
@pytest.mark.parametrize(
    ("activation", "kind"),
    [
        (torch.sigmoid, "sigmoid"),
        (torch.relu, "relu"),
        (functional.gelu, "gelu"),
        (functional.silu, "silu"),
    ],
)
@pytest.mark.parametrize("parts", [1, 3])
def test_outputs_and_their_gradients_are_those_of_autograd(
    watch: Watch, activation: Callable[[Tensor], Tensor], kind: str, parts: int
) -> None:
    model = Listed(activation)
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.05, momentum=0.9)
    for _ in range(3):
        model.results, model.values = [], []
        optimizer.zero_grad()
        for part in torch.randn(9, 6).chunk(parts):
            (functional.mse_loss(model(part), part) / parts).backward()
        slopes = [one.grad for one in model.results]
        weights = [one.detach().clone() for one in model.W]
        biases = [one.detach().clone() for one in model.b]
        optimizer.step()
        for row in range(DEPTH):
            name = f"W.{row}"
            flowed = torch.cat([one for one in slopes[row::DEPTH] if one is not None])
            assert capture.of("act_grad_norm", name) == pytest.approx(
                float(flowed.norm()), rel=1e-4
            )
            assert capture.of("act_grad_rms", name) == pytest.approx(
                float(flowed.square().mean().sqrt()), rel=1e-4
            )
            own = [model.W[row], model.b[row]]
            gradient = torch.cat([one.grad.flatten() for one in own])
            assert capture.of("grad_norm", name) == pytest.approx(float(gradient.norm()), rel=1e-4)
            before = torch.cat([weights[row].flatten(), biases[row]])
            now = torch.cat([one.detach().flatten() for one in own])
            assert capture.of("weight_norm", name) == pytest.approx(float(before.norm()), rel=1e-4)
            assert capture.of("update_ratio", name) == pytest.approx(
                float((now - before).norm() / before.norm()), rel=1e-3
            )
        for row in range(DEPTH - 1):
            values = torch.cat(model.values[row :: DEPTH - 1])
            assert capture.of("act_rms", f"W.{row}") == pytest.approx(
                float(values.square().mean().sqrt()), rel=1e-4
            )
    frame = capture.frames[-1]
    assert [layer.activation for layer in frame.layers] == [kind] * (DEPTH - 1) + [None]
    # What the last one gives goes into the loss, which keeps it for itself.
    assert frame.reasons == {f"W.{DEPTH - 1}": OPERATION}
    assert capture.problems == []


@reads_saved_tensors
def test_dead_units_are_seen(watch: Watch) -> None:
    model = Listed(torch.relu)
    capture = watch(model)
    with torch.no_grad():
        model.b[1][:3] = -100.0
    model(torch.randn(8, 6)).sum().backward()
    SGD(model.parameters(), lr=0.1).step()
    assert capture.of("act_dead_fraction", "W.1") >= 0.5
    assert capture.of("act_dead_fraction", "W.0") < 0.5


class Convolving(nn.Module):
    """Functional convolutions, whose units are their channels."""

    def __init__(self) -> None:
        super().__init__()
        self.first = Parameter(torch.randn(4, 1, 3, 3))
        self.second = Parameter(torch.randn(2, 4, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        shift = torch.tensor([0.0, 0.0, 0.0, -1e4])
        return functional.conv2d(functional.conv2d(x, self.first, shift).relu(), self.second)


@reads_saved_tensors
def test_the_units_of_a_convolution_are_its_channels(watch: Watch) -> None:
    model = Convolving()
    capture = watch(model)
    model(torch.randn(5, 1, 8, 8)).square().mean().backward()
    SGD(model.parameters(), lr=0.1).step()
    assert capture.of("act_dead_fraction", "first") == pytest.approx(0.25)


def test_gradients_that_the_loop_takes_itself_are_measured_alike(watch: Watch) -> None:
    model = Listed(torch.tanh)
    capture = watch(model)
    own = list(model.parameters())
    slopes = torch.autograd.grad(model(torch.randn(5, 6)).square().mean(), own)
    for one, slope in zip(own, slopes, strict=True):
        one.data -= 0.1 * slope
    capture.close()
    assert capture.of("grad_norm", "W.0") == pytest.approx(
        float(torch.cat([slopes[0].flatten(), slopes[DEPTH]]).norm()), rel=1e-4
    )
    assert capture.of("act_grad_norm", "W.0") > 0


def test_a_graph_that_is_passed_twice_is_not_counted_as_one(watch: Watch) -> None:
    model = Listed(torch.tanh)
    capture = watch(model)
    loss = model(torch.randn(5, 6)).square().mean()
    loss.backward(retain_graph=True)
    loss.backward()
    SGD(model.parameters(), lr=0.1).step()
    assert not capture.frames[0].is_measured("act_grad_norm").any()
    assert capture.problems == []


def test_training_is_the_same_to_the_bit() -> None:
    def trained(*, watched: bool) -> list[Tensor]:
        torch.manual_seed(0)
        model = Listed(torch.sigmoid)
        monitor = GradMonitor(model, budget=None) if watched else None
        optimizer = torch.optim.Adam(model.parameters())
        for _ in range(5):
            optimizer.zero_grad()
            x = torch.randn(8, 6)
            functional.mse_loss(model(x), x).backward()
            optimizer.step()
        if monitor is not None:
            monitor.close()
        return [one.detach() for one in model.parameters()]

    for mine, plain in zip(trained(watched=True), trained(watched=False), strict=True):
        assert torch.equal(mine, plain)


@reads_saved_tensors
@pytest.mark.parametrize("bad", [0, 2])
def test_the_origin_of_a_nan_is_the_weight_that_made_it(watch: Watch, bad: int) -> None:
    model = Listed(torch.relu)
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.1)
    for number in range(3):
        optimizer.zero_grad()
        if number == 2:
            with torch.no_grad():
                model.W[bad].fill_(3e38)
        model(torch.randn(5, 6)).square().mean().backward()
        optimizer.step()
    origin = capture.frames[-1].origin
    assert origin is not None
    assert (origin.phase, origin.layer) == ("forward", f"W.{bad}")


@reads_saved_tensors
def test_an_inspection_shows_what_is_at_hand() -> None:
    model = Listed(torch.relu)
    optimizer = SGD(model.parameters(), lr=0.1)
    with GradMonitor(model, budget=None) as monitor:

        def step() -> None:
            optimizer.zero_grad()
            model(torch.randn(5, 6)).square().mean().backward()
            optimizer.step()

        step()
        monitor.inspect("W.1")
        step()
        step()
        seen = monitor.inspect("W.1")
        assert seen is not None
        assert not isinstance(seen.weight, str)
        assert seen.weight.total == 42
        assert not isinstance(seen.gradient, str)
        assert not isinstance(seen.activation, str)
        assert seen.activation.total == 30
        assert monitor.problems == []
