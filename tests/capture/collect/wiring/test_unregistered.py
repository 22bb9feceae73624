"""Modules that the model uses without being theirs, and what only looks like them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.optim import SGD, Optimizer

from tests.capture.collect.wiring.loop import Watch, mean_square, wiring


class Listed(nn.Module):
    """Its layers between the first and the last are in a Python list."""

    def __init__(self, use: Callable[[Any, Tensor], Tensor], *listed: nn.Module) -> None:
        super().__init__()
        self.first, self.last, self.use = nn.Linear(4, 4), nn.Linear(4, 1), use
        self.listed = list(listed)

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.last(self.use(self, torch.relu(self.first(x)))))


def one_by_one(model: Any, x: Tensor) -> Tensor:
    for module in model.listed:
        x = torch.relu(module(x))
    return x


def twice(model: Any, x: Tensor) -> Tensor:
    return one_by_one(model, one_by_one(model, x))


def without_gradients(model: Any, x: Tensor) -> Tensor:
    with torch.no_grad():
        return x + one_by_one(model, x)


def beside(model: Any, x: Tensor) -> Tensor:
    one_by_one(model, x)
    return torch.as_tensor(x)


@pytest.mark.parametrize("use", [one_by_one, twice])
def test_layers_in_a_list_are_named_once_each(watch: Watch, use: Any) -> None:
    inner = nn.Sequential(nn.Conv1d(1, 2, 3, padding=1), nn.Flatten(0, 1), nn.Tanh())
    model = Listed(use, nn.Linear(4, 4), nn.Linear(4, 4), nn.LayerNorm(4))
    assert wiring(watch, model, 8, 4).unregistered == ("Linear 4×4", "Linear 4×4", "LayerNorm 4")
    model = Listed(lambda net, x: net.listed[0](x[:, None])[::2], inner)
    assert wiring(watch, model, 8, 4).unregistered == ("Conv1d 2×1×3",)


@pytest.mark.parametrize("use", [without_gradients, beside])
def test_what_the_loss_does_not_depend_on_is_not_meant(watch: Watch, use: Any) -> None:
    assert wiring(watch, Listed(use, nn.Linear(4, 4)), 8, 4).unregistered == ()


def test_a_frozen_one_is_not_meant(watch: Watch) -> None:
    model = Listed(one_by_one, nn.Linear(4, 4).requires_grad_(requires_grad=False))
    assert wiring(watch, model, 8, 4).unregistered == ()


def test_a_registered_list_is_not_meant(watch: Watch) -> None:
    model = Listed(one_by_one, nn.Linear(4, 4))
    model.kept = nn.ModuleList(model.listed)
    assert wiring(watch, model, 8, 4).unregistered == ()


def test_a_loss_with_parameters_after_the_forward_is_not_meant(watch: Watch) -> None:
    criterion = nn.Linear(1, 1)
    model = Listed(one_by_one)
    found = wiring(watch, model, 8, 4, loss=lambda output: mean_square(criterion(output)))
    assert found.unregistered == ()


def test_one_that_shares_the_model_s_parameters_is_not_meant(watch: Watch) -> None:
    view = nn.Linear(4, 4)
    model = Listed(one_by_one, view)
    view.weight, view.bias = model.first.weight, model.first.bias
    assert wiring(watch, model, 8, 4).unregistered == ()


def test_parametrizations_are_not_meant(watch: Watch) -> None:
    model = Listed(one_by_one)
    parametrizations.weight_norm(model.first)
    parametrizations.orthogonal(model.last)
    assert wiring(watch, model, 8, 4).unregistered == ()


def test_a_layer_that_is_made_in_the_first_forward_is_not_meant(watch: Watch) -> None:
    def grows(model: Any, x: Tensor) -> Tensor:
        if not hasattr(model, "grown"):
            model.grown = nn.Linear(4, 4)
        return torch.as_tensor(model.grown(x))

    assert wiring(watch, Listed(grows), 8, 4).unregistered == ()


def run(watch: Watch, model: nn.Module, watched: nn.Module, *optimizers: Optimizer) -> list[Any]:
    capture = watch(watched)
    for _ in range(4):
        model(torch.randn(8, 4)).square().mean().backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
    assert capture.problems == []
    return [frame.wiring.unregistered for frame in capture.frames]


@pytest.mark.parametrize("order", [1, -1])
def test_one_that_an_optimizer_trains_is_not_meant(watch: Watch, order: int) -> None:
    other = nn.Linear(4, 4)
    model = Listed(one_by_one, other)
    optimizers = [SGD(model.parameters(), lr=0.1), SGD(other.parameters(), lr=0.1)][::order]
    assert run(watch, model, model, *optimizers) == [()] * 4


def test_one_that_only_belongs_to_a_parent_is_not_meant(watch: Watch) -> None:
    encoder = Listed(one_by_one)
    model = nn.Sequential(encoder, nn.Linear(1, 4), nn.Linear(4, 1))
    encoder.listed = [nn.Sequential(model[1], nn.Identity())]
    encoder.last = nn.Linear(4, 1)
    encoder.use = lambda net, x: net.listed[0](x[:, :1])
    assert run(watch, model, encoder, SGD(model.parameters(), lr=0.1)) == [()] * 4


def test_wrappers_of_the_model_are_not_meant(watch: Watch) -> None:
    class Wrapper(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner, self.scale = inner, nn.Parameter(torch.ones(1))

        def forward(self, x: Tensor) -> Tensor:
            return torch.as_tensor(self.inner(x) * self.scale)

    model = Listed(one_by_one)
    wrapped = nn.DataParallel(Wrapper(model))
    assert run(watch, wrapped, model, SGD(model.parameters(), lr=0.1)) == [()] * 4


def test_a_teacher_that_is_a_copy_is_not_meant(watch: Watch) -> None:
    teacher = copy.deepcopy(nn.Linear(4, 4))
    model = Listed(without_gradients, teacher)
    assert run(watch, model, model, SGD(model.parameters(), lr=0.1)) == [()] * 4


def test_it_is_found_from_the_second_step_on_and_where_parts_are_called_alone(
    watch: Watch,
) -> None:
    model = nn.ModuleDict({"inner": Listed(one_by_one, nn.Linear(4, 4))})
    found = run(watch, model["inner"], model, SGD(model.parameters(), lr=0.1))
    assert found == [(), *[("Linear 4×4",)] * 3]
