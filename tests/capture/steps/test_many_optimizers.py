"""Loops with an optimizer for each part, as Muon's, Pyro's and SAC's are, by plain autograd."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from tests.capture.older_torch import has_muon

Watch = Callable[..., Any]


def norm_of(parameters: Iterable[nn.Parameter]) -> float:
    return float(
        torch.cat([one.grad.flatten() for one in parameters if one.grad is not None]).norm()
    )


def rates_of(frame: Any) -> dict[str, float]:
    return {name: one for name, one in frame.scalars.items() if name.split("/")[0] == "lr"}


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3))


def check_each(watch: Watch, make: Callable[[nn.Module], list[Optimizer]]) -> Any:
    """Trains four steps with optimizers that use one backward pass; gives the first frame."""
    model = network()
    capture = watch(model)
    optimizers = make(model)
    true = []
    for _ in range(4):
        model.zero_grad()
        loss = model(torch.randn(4, 6)).square().mean()
        loss.backward()
        layers = [part for part in model if isinstance(part, nn.Linear)]
        each = [norm_of(part.parameters()) for part in layers]
        true.append((float(loss.detach()), norm_of(model.parameters()), each))
        for one in optimizers:
            one.step()
    assert [frame.step for frame in capture.frames] == [0, 1, 2, 3]
    for frame, (loss_value, total, each) in zip(capture.frames, true, strict=True):
        assert frame.scalars["loss"] == pytest.approx(loss_value, rel=1e-5)
        assert frame.scalars["total_grad_norm"] == pytest.approx(total, rel=1e-5)
        assert frame.is_measured("grad_norm").all()
        assert frame.is_measured("update_ratio").all()
        assert frame.metrics["grad_norm"] == pytest.approx(each, rel=1e-5)
    return capture.frames[0]


@has_muon
def test_muon_for_matrices_and_adamw_for_the_rest(watch: Watch) -> None:
    def make(model: nn.Module) -> list[Optimizer]:
        own = list(model.parameters())
        return [
            torch.optim.Muon([one for one in own if one.dim() == 2], lr=0.02),
            AdamW([one for one in own if one.dim() != 2], lr=0.001),
        ]

    assert rates_of(check_each(watch, make)) == {"lr": 0.02, "lr/AdamW": 0.001}


def test_an_optimizer_a_parameter(watch: Watch) -> None:
    def make(model: nn.Module) -> list[Optimizer]:
        # As Pyro has it, with a rate by the name of the parameter.
        return [
            Adam([one], lr=0.1 if name.endswith("bias") else 0.01)
            for name, one in model.named_parameters()
        ]

    assert rates_of(check_each(watch, make)) == {"lr": 0.01, "lr/Adam/2": 0.1}


class Agent(nn.Module):
    """An actor, two critics and a temperature, as soft actor-critic trains them."""

    def __init__(self) -> None:
        super().__init__()
        self.actor = nn.Linear(4, 2)
        self.critics = nn.ModuleList([nn.Linear(6, 1) for _ in range(2)])
        self.temperature = nn.Linear(1, 1, bias=False)

    def values(self, state: Tensor, action: Tensor) -> list[Tensor]:
        both = torch.cat([state, action], 1)
        return [critic(both) for critic in self.critics]


def test_the_three_phases_of_an_actor_its_critics_and_their_temperature(watch: Watch) -> None:
    """Each has a backward pass and a rate of its own; critics get gradients in the actor's too."""
    model = Agent()
    capture = watch(model)
    phases = {
        "temperature": SGD(model.temperature.parameters(), lr=0.3),
        "critics": SGD(model.critics.parameters(), lr=0.2),
        "actor": SGD(model.actor.parameters(), lr=0.1),
    }
    true: list[tuple[str, float, float]] = []

    def descend(phase: str, loss: Tensor) -> None:
        optimizer = phases[phase]
        optimizer.zero_grad()
        loss.backward()
        true.append((phase, float(loss.detach()), norm_of(optimizer.param_groups[0]["params"])))
        optimizer.step()

    for _ in range(5):
        state, action = torch.randn(8, 4), torch.randn(8, 2)
        proposed = torch.tanh(model.actor(state))
        entropy = proposed.detach().square().sum(1, keepdim=True)
        descend("temperature", model.temperature(entropy).mean())
        targets = torch.randn(8, 1)
        values = model.values(state, action)
        descend("critics", sum((one - targets).square().mean() for one in values))  # type: ignore[arg-type]  # two tensors
        descend("actor", -torch.minimum(*model.values(state, proposed)).mean())
    capture.close()
    assert len(capture.frames) == len(true) == 15
    for frame, (phase, loss, norm) in zip(capture.frames, true, strict=True):
        assert frame.scalars["loss"] == pytest.approx(loss, rel=1e-5)
        assert frame.scalars["total_grad_norm"] == pytest.approx(norm, rel=1e-5)
        assert rates_of(frame) == {"lr": phases[phase].param_groups[0]["lr"]}
        trained = {
            layer.name.split(".")[0]
            for layer, is_measured in zip(frame.layers, frame.is_measured("grad_norm"), strict=True)
            if is_measured
        }
        assert trained == {phase}
