"""Which layers ran and which an optimizer holds."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam

from gradwidget.frame import Frame
from tests.capture.collect.wiring.loop import Watch, frames


def by_layer(frame: Frame, metric: str) -> dict[str, float]:
    """The values that were measured."""
    measured = frame.is_measured(metric)
    return {
        layer.name: float(frame.metrics[metric][row])
        for row, layer in enumerate(frame.layers)
        if measured[row]
    }


class Mixed(nn.Module):
    """Layers that are used in all ways."""

    def __init__(self) -> None:
        super().__init__()
        self.called, self.frozen = nn.Linear(4, 4), nn.Linear(4, 4)
        self.by_hand, self.never = nn.Linear(4, 4), nn.Linear(4, 4)
        self.cut, self.idle = nn.Linear(4, 4), nn.Linear(4, 4)
        self.loose = nn.ParameterList([torch.ones(4)])
        self.attention = nn.MultiheadAttention(4, 1)
        for one in (self.frozen, self.idle):
            one.requires_grad_(requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.frozen(self.called(x)) + self.cut(x).detach()
        x = x @ self.by_hand.weight * self.loose[0]
        return torch.as_tensor(self.attention(x, x, x)[0])


def test_a_layer_has_run_that_was_called_and_has_not_that_was_not(watch: Watch) -> None:
    for frame in frames(watch, Mixed(), 3, 4):
        assert by_layer(frame, "has_run") == {
            "called": 1,
            "frozen": 1,
            "cut": 1,
            "never": 0,
            "attention": 1,
        }, "what was used by hand, or is frozen and may have been, is not known"


@pytest.mark.parametrize("options", [{"activations": False}, {"budget": 1e-9}])
def test_it_is_not_known_where_outputs_are_not_measured(
    watch: Watch, options: dict[str, Any]
) -> None:
    model = Mixed()
    capture = watch(model, **options)
    optimizer = SGD(model.parameters(), lr=1e-6)
    for step in range(30):
        optimizer.zero_grad()
        (model(torch.randn(3, 4)).sum() * (torch.nan if step == 29 else 1)).backward()
        optimizer.step()
    assert by_layer(capture.frames[-1], "has_run") == {}
    assert by_layer(capture.frames[-1], "optimized_fraction")["called"] == 1


def test_it_is_not_known_where_the_model_was_not_seen_to_run(watch: Watch) -> None:
    model = nn.Linear(4, 4)
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        nn.functional.linear(torch.ones(1, 4), model.weight).sum().backward()
        optimizer.step()
    assert "has_run" not in capture.frames[-1].metrics


def test_the_share_of_its_parameters_that_optimizers_hold(watch: Watch) -> None:
    layers = [nn.Linear(4, 4) for _ in range(5)]
    model = nn.Sequential(*layers)
    layers[3].requires_grad_(requires_grad=False)
    layers[4].bias.requires_grad = False
    capture = watch(model)
    first, second = SGD([*layers[0].parameters(), layers[1].weight], 0.1), Adam([layers[4].weight])
    for optimizer in (first, second):
        model(torch.ones(1, 4)).sum().backward()
        optimizer.step()
    capture.close()
    assert by_layer(capture.frames[0], "optimized_fraction") == {"0": 1, "1": 0.5, "2": 0, "4": 0}
    assert by_layer(capture.frames[1], "optimized_fraction") == {"0": 1, "1": 0.5, "2": 0, "4": 1}


def test_an_optimizer_counts_that_is_not_listened_to(watch: Watch) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 1))
    first, second = SGD(model[0].parameters(), 0.1), SGD(model[1].parameters(), 0.1)
    capture = watch(model, first)
    for _ in range(2):
        model(torch.ones(1, 4)).sum().backward()
        second.step()
        first.step()
    assert by_layer(capture.frames[-1], "optimized_fraction") == {"0": 1, "1": 1}
    assert capture.frames[-1].wiring.optimizers == ("SGD", "SGD")


def test_an_optimizer_that_is_gone_or_of_another_model_does_not_count(watch: Watch) -> None:
    model, other = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 1)), nn.Linear(4, 4)
    capture = watch(model)

    def step(*trained: nn.Module) -> None:
        optimizers = [SGD(one.parameters(), 0.1) for one in trained]
        model(torch.ones(1, 4)).sum().backward()
        for optimizer in optimizers:
            optimizer.step()

    step(other, model[0])
    step(model[1])
    found = [by_layer(frame, "optimized_fraction") for frame in capture.frames]
    assert found == [{"0": 1, "1": 0}, {"0": 0, "1": 1}]


def test_without_an_optimizer_the_share_is_not_known(watch: Watch) -> None:
    model, other = nn.Linear(4, 4), nn.Linear(4, 4)
    capture = watch(model)
    optimizer = SGD(other.parameters(), 0.1)
    for _ in range(3):
        model.zero_grad()
        (model(torch.ones(1, 4)).sum() + other(torch.ones(4)).sum()).backward()
        optimizer.step()
        with torch.no_grad():
            for one in model.parameters():
                one.mul_(0.9)
    capture.close()
    assert "optimized_fraction" not in capture.frames[-1].metrics


def test_where_parameters_were_replaced_none_is_held(watch: Watch) -> None:
    model = nn.Linear(4, 4)
    capture = watch(model)
    optimizer = SGD(model.parameters(), 0.1)
    for step in range(3):
        if step == 1:
            model.weight, model.bias = nn.Parameter(torch.ones(4, 4)), nn.Parameter(torch.ones(4))
        model(torch.ones(1, 4)).sum().backward()
        optimizer.step()
    assert [by_layer(one, "optimized_fraction")["(root)"] for one in capture.frames] == [1, 0, 0]
