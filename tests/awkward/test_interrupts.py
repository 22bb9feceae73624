"""After an interrupt in a forward, backward or step, the loop goes on as it would without us."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD

from gradwidget import GradMonitor
from tests.awkward.test_identity import bits


class Stop:
    """Interrupts once, where it is armed."""

    def __init__(self) -> None:
        self.place: str | None = None

    def at(self, place: str) -> None:
        """Whatever runs has come to this place."""
        if self.place == place:
            self.place = None
            raise KeyboardInterrupt


class Passing(torch.autograd.Function):
    """Changes nothing, and can be interrupted on its way back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, stop: Stop) -> Tensor:
        ctx.stop = stop
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        ctx.stop.at("backward")
        return gradients[0], None


class Interrupted(nn.Module):
    """A model with dropout and batch norm, interrupted between its layers."""

    def __init__(self, stop: Stop) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)
        self.dropout = nn.Dropout(0.2)
        self.stop = stop

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.relu(self.norm(self.first(x)))
        self.stop.at("forward")
        return torch.as_tensor(self.last(self.dropout(Passing.apply(hidden, self.stop))))  # type: ignore[no-untyped-call]  # torch leaves it untyped


class HalfWay(SGD):
    """Steps its first parameter before it can be interrupted."""

    stop: Stop

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]  # as users write it
        assert closure is None
        for number, parameter in enumerate(self.param_groups[0]["params"]):
            if number == 1:
                self.stop.at("step")
            if parameter.grad is not None:
                parameter.sub_(0.1 * parameter.grad)


def run(place: str, *, watched: bool, budget: float | None) -> tuple[list[bytes], Any, Any]:
    """Two steps, one that is interrupted, four more; what is left of it."""
    torch.manual_seed(0)
    stop = Stop()
    model = Interrupted(stop)
    optimizer = HalfWay(model.parameters(), lr=0.1)
    optimizer.stop = stop
    monitor = GradMonitor(model, budget=budget) if watched else None

    def step() -> None:
        optimizer.zero_grad()
        model(torch.randn(16, 4)).square().mean().backward()
        optimizer.step()

    for number in range(7):
        stop.place = place if number == 2 else None
        with suppress(KeyboardInterrupt):
            step()
    state = [bits(one) for one in (*model.parameters(), *model.buffers(), torch.get_rng_state())]
    gradients = {name: one.grad for name, one in model.named_parameters()}
    return state, monitor, gradients


@pytest.mark.parametrize("budget", [None, 0.01])
@pytest.mark.parametrize("place", ["forward", "backward", "step"])
def test_weights_are_those_of_the_same_loop_without_us(place: str, budget: float | None) -> None:
    state, monitor, _ = run(place, watched=True, budget=budget)
    monitor.close()
    assert state == run(place, watched=False, budget=None)[0]


@pytest.mark.parametrize("place", ["forward", "backward", "step"])
def test_the_next_steps_are_measured_as_ever(place: str) -> None:
    _, monitor, gradients = run(place, watched=True, budget=None)
    frame = monitor.history.last
    monitor.close()
    assert monitor.problems == []
    assert len(monitor.history.steps) == 6
    assert [layer.name for layer in frame.layers] == ["first", "norm", "last"]
    for row, layer in enumerate(frame.layers):
        truth = np.sqrt(
            sum(
                float(gradients[f"{layer.name}.{name}"].double().square().sum())
                for name in layer.shapes
            )
        )
        assert frame.metrics["grad_norm"][row] == pytest.approx(truth, rel=1e-3)
    for metric in ("act_rms", "act_grad_rms", "update_ratio", "raw_grad_norm"):
        assert frame.is_measured(metric).all(), metric
    assert frame.metrics["act_zero_fraction"][1] == pytest.approx(
        0.5, abs=0.2
    )  # after the ReLU, of one batch alone
