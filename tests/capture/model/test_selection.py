"""Globs choose modules by their names, and weights that are no modules by theirs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parameter import Parameter

from gradwidget import GradMonitor
from gradwidget.capture.model.selection import LayerFilter


class Chain(nn.Module):
    """Weights and biases in lists, a table of its own, and a module."""

    def __init__(self) -> None:
        super().__init__()
        self.W = nn.ParameterList([Parameter(torch.randn(5, 5) / 2) for _ in range(4)])
        self.b = nn.ParameterList([Parameter(torch.randn(5)) for _ in range(4)])
        self.scale = Parameter(torch.ones(5))
        self.head = nn.Linear(5, 1)

    def forward(self, x: Tensor) -> Tensor:
        for one, shift in zip(self.W, self.b, strict=True):
            x = functional.linear(x, one, shift).tanh()
        return torch.as_tensor(self.head(x * self.scale))


def watched(select: LayerFilter, make: Callable[[], nn.Module] = Chain) -> GradMonitor:
    """A monitor that has seen three steps, and whose gradients are those that autograd gave."""
    torch.manual_seed(0)
    model = make()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with GradMonitor(model, layers=select, budget=None) as monitor:
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.randn(8, 5)).square().mean().backward()
            optimizer.step()
    assert monitor.problems == []
    known = dict(model.named_parameters())
    for row, layer in enumerate(monitor.layers):
        prefix = f"{layer.name}." if layer.is_module else ""
        parts = [known[prefix + local].grad for local in layer.shapes]
        norm = torch.cat([one.flatten() for one in parts if one is not None]).norm()
        assert monitor.history["grad_norm"][-1, row] == pytest.approx(float(norm), rel=1e-4)
    return monitor


def shapes_of(monitor: GradMonitor) -> dict[str, list[str]]:
    return {layer.name: list(layer.shapes) for layer in monitor.layers}


@pytest.mark.parametrize("select", ["W.*", ["W.*"], "W", "W*"])
def test_all_weights_of_a_list_are_rows_in_the_order_of_use(select: LayerFilter) -> None:
    assert shapes_of(watched(select)) == {f"W.{number}": [f"W.{number}"] for number in range(4)}


def test_single_weights_of_a_list_are_rows() -> None:
    assert shapes_of(watched("W.2")) == {"W.2": ["W.2"]}
    assert shapes_of(watched("W.[03]")) == {"W.0": ["W.0"], "W.3": ["W.3"]}


def test_what_is_added_to_a_weight_belongs_to_its_row_where_both_are_asked_for() -> None:
    assert shapes_of(watched(["W.[01]", "b.*"])) == {
        "W.0": ["W.0", "b.0"],
        "W.1": ["W.1", "b.1"],
        "b.2": ["b.2"],
        "b.3": ["b.3"],
    }


def test_weights_of_the_model_itself_are_chosen_without_the_rest() -> None:
    assert shapes_of(watched(["scale", "head"])) == {
        "scale": ["scale"],
        "head": ["weight", "bias"],
    }


def test_a_row_is_there_from_the_start() -> None:
    assert [layer.name for layer in GradMonitor(Chain(), layers="W.[12]").layers] == ["W.1", "W.2"]


def test_parameters_of_torchs_layers_are_no_rows() -> None:
    with pytest.raises(ValueError, match="no layer matches"):
        GradMonitor(Chain(), layers="head.weight")


def test_a_function_chooses_modules() -> None:
    assert list(shapes_of(watched(lambda name, _: name == "W"))) == [f"W.{one}" for one in range(4)]
