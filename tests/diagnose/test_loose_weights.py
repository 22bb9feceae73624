"""What goes wrong among weights without modules is found, named and helped as among modules."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradwidget import Finding, GradMonitor, Symptom

Activation = Callable[[Tensor], Tensor]
WIDTH = 16


class Loose(nn.Module):
    """A chain whose weights are in a list, or all on the model itself."""

    def __init__(self, depth: int, gain: float, activation: Activation, *, listed: bool) -> None:
        super().__init__()
        self.depth, self.activation, self.listed = depth, activation, listed
        weights = [torch.randn(WIDTH, WIDTH) * gain / WIDTH**0.5 for _ in range(depth)]
        if listed:
            self.W = nn.ParameterList(weights)
            self.b = nn.ParameterList([torch.zeros(WIDTH) for _ in range(depth)])
        for number, weight in enumerate([] if listed else weights):
            setattr(self, f"W{number}", nn.Parameter(weight))
            setattr(self, f"b{number}", nn.Parameter(torch.zeros(WIDTH)))

    def forward(self, x: Tensor) -> Tensor:
        for number in range(self.depth):
            if self.listed:
                x = functional.linear(x, self.W[number], self.b[number])
            else:
                x = x @ getattr(self, f"W{number}") + getattr(self, f"b{number}")
            if number < self.depth - 1:
                x = self.activation(x)
        return x


def found(model: nn.Module, rate: float = 0.05, steps: int = 60) -> list[Finding]:
    """The findings after some steps of classification."""
    torch.manual_seed(0)
    x, y = torch.randn(128, WIDTH), torch.randint(0, 4, (128,))
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    with GradMonitor(model, budget=None) as monitor:
        for _ in range(steps):
            chosen = torch.randint(0, 128, (32,))
            optimizer.zero_grad()
            functional.cross_entropy(model(x[chosen]), y[chosen]).backward()
            optimizer.step()
    assert monitor.problems == []
    return monitor.findings


both = pytest.mark.parametrize("listed", [True, False], ids=["in a list", "on the model"])


@both
def test_twenty_sigmoid_layers_vanish(*, listed: bool) -> None:
    torch.manual_seed(0)
    first = found(Loose(20, 1.0, torch.sigmoid, listed=listed))[0]
    assert first.symptom is Symptom.VANISHING_GRADIENTS
    assert first.layers[0] == ("W.0" if listed else "W0")
    assert first.remedies[0].title == "Use ReLU instead of sigmoid"


@both
def test_weights_that_are_too_large_make_a_chain_explode(*, listed: bool) -> None:
    torch.manual_seed(0)
    first = found(Loose(16, 4.0, torch.relu, listed=listed), rate=1e-9)[0]
    assert first.symptom is Symptom.EXPLODING_GRADIENTS
    assert first.layers[0] in ("W.0", "W0")


@both
def test_a_chain_that_learns_is_healthy(*, listed: bool) -> None:
    torch.manual_seed(0)
    assert found(Loose(4, 2**0.5, torch.relu, listed=listed)) == []


@both
@pytest.mark.parametrize(("gain", "activation"), [(1.0, torch.sigmoid), (4.0, torch.relu)])
def test_the_code_of_every_remedy_runs(
    gain: float, activation: Activation, *, listed: bool
) -> None:
    torch.manual_seed(0)
    model = Loose(20, gain, activation, listed=listed)
    remedies = [remedy for one in found(model, 1e-9, 30) for remedy in one.remedies]
    assert remedies
    for remedy in remedies:
        changed = copy.deepcopy(model)
        optimizer = torch.optim.SGD(changed.parameters(), lr=0.1)
        exec(remedy.code, {"model": changed, "optimizer": optimizer, "torch": torch})  # noqa: S102  # what is being tested


def test_fresh_weights_end_the_explosion_when_applied_to_the_running_loop() -> None:
    torch.manual_seed(0)
    model = Loose(16, 4.0, torch.relu, listed=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-9)
    before = model.W[3].detach().clone()
    x, y = torch.randn(32, WIDTH), torch.randint(0, 4, (32,))
    with GradMonitor(model, budget=None) as monitor:

        def step() -> None:
            optimizer.zero_grad()
            functional.cross_entropy(model(x), y).backward()
            optimizer.step()

        for _ in range(15):
            step()
        fresh = next(
            one for one in monitor.findings[0].remedies if one.title.startswith("Reinitialize")
        )
        monitor._session.control.apply(fresh)
        step()
        step()
        assert monitor.problems == []
    assert float(model.W[3].detach().norm()) < 0.6 * float(before.norm())
    assert float(model.b[3].detach().abs().max()) < 1e-3
