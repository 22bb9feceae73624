"""Activation functions are found in the graph, and do what the graph has done."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradwidget.capture.model import nonlinearity
from gradwidget.capture.model.nonlinearity import (
    FLAT,
    Nonlinearity,
    find_nonlinearities,
    is_nonlinear,
    node_of,
    nonlinearity_of,
    recognize,
)

Function = Callable[[Tensor], Tensor]

FUNCTIONS: dict[str, list[Function]] = {
    "relu": [
        torch.relu,
        nn.ReLU(),
        nn.ReLU(inplace=True),
        lambda x: x.relu_(),
        lambda x: x.clamp_min(0),
        lambda x: x.clamp(min=0.0),
    ],
    "tanh": [torch.tanh, nn.Tanh(), lambda x: x.tanh_()],
    "sigmoid": [torch.sigmoid, nn.Sigmoid()],
    "gelu": [functional.gelu, nn.GELU(approximate="tanh")],
    "silu": [functional.silu, nn.SiLU()],
    "mish": [functional.mish],
    "elu": [functional.elu, nn.ELU(0.3), functional.selu],
    "leaky_relu": [nn.LeakyReLU(0.3), lambda x: functional.leaky_relu(x, 0.2, inplace=True)],
    "softplus": [nn.Softplus(2.0, 1.0)],
    "hardtanh": [nn.Hardtanh(-0.4, 0.3)],
    "hardswish": [nn.Hardswish()],
    "hardsigmoid": [nn.Hardsigmoid()],
    "threshold": [nn.Threshold(0.2, 0.0)],
    "softmax": [nn.Softmax(-1), lambda x: x.softmax(0)],
}
CASES = [(kind, number) for kind, these in FUNCTIONS.items() for number in range(len(these))]


@pytest.mark.parametrize(("kind", "number"), CASES)
def test_an_activation_function_is_found_and_repeated(kind: str, number: int) -> None:
    function = FUNCTIONS[kind][number]
    x = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    output = x.clone().requires_grad_() * 1
    node = node_of(output)
    found = find_nonlinearities([function(output).sum()], {node: 3})[3]
    assert isinstance(found, Nonlinearity)
    assert found.kind == kind
    many = torch.stack([x, -x])
    expected = torch.stack([function(x.clone()), function(-x)])
    torch.testing.assert_close(found.apply(many), expected)
    assert torch.equal(found.applied().apply(many), many)


@pytest.mark.parametrize("see_through", [lambda x: x, lambda x: x.view(-1), lambda x: x.t()[None]])
def test_views_on_the_way_do_not_hide_it(see_through: Function) -> None:
    output = torch.randn(3, 4, requires_grad=True) * 1
    node = node_of(output)
    found = find_nonlinearities([see_through(output).tanh().sum()], {node: 0})[0]
    assert found is not None
    assert found.kind == "tanh"


def test_what_is_no_activation_function_is_none_and_what_is_out_of_reach_is_missing() -> None:
    x = torch.randn(3, requires_grad=True)
    used, other = x * 1, x * 2
    found = find_nonlinearities([used.exp().sum()], {node_of(used): 0, node_of(other): 1})
    assert found == {0: None}
    assert recognize(node_of(used.sum())) is None


def test_of_a_graph_that_is_too_large_what_is_near_the_loss_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(nonlinearity, "most_nodes", lambda: 20)
    x = torch.ones(3, requires_grad=True)
    outputs = []
    for _ in range(30):
        outputs.append(x.exp())
        x = outputs[-1].tanh()
    found = find_nonlinearities([x.sum()], {node_of(one): row for row, one in enumerate(outputs)})
    assert found[0] is None
    assert found[29] is not None
    assert sorted(found) == list(range(30))


def test_a_node_behind_another_operation_does_not_count() -> None:
    output = torch.randn(3, requires_grad=True) * 1
    assert find_nonlinearities([(output + 1).relu().sum()], {node_of(output): 0}) == {0: None}


def test_a_deep_graph_is_walked_without_recursion() -> None:
    first = x = torch.randn(2, requires_grad=True) * 1
    for _ in range(5_000):
        x = x + 1
    assert find_nonlinearities([x.sum()], {node_of(first): 0}) == {0: None}


@pytest.mark.parametrize("kind", ["tanh", "sigmoid", "hardtanh", "hardsigmoid"])
def test_an_entry_is_saturated_where_its_slope_is_flat(kind: str) -> None:
    x = torch.linspace(-6, 6, 401, dtype=torch.float64, requires_grad=True)
    y = FUNCTIONS[kind][0](x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    found = recognize(node_of(FUNCTIONS[kind][0](x * 1)))
    assert found is not None
    assert found.saturated is not None
    expected = slope < FLAT * slope.max()
    assert torch.equal(found.saturated(y.detach()), expected)


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        (nn.ReLU(inplace=True), "relu"),
        (nn.ELU(0.3), "elu"),
        (nn.Softmax(-1), "softmax"),
        (nn.PReLU(), None),
        (nn.RReLU(), None),
    ],
)
def test_a_module_tells_which_it_is_without_being_called(
    module: nn.Module, kind: str | None
) -> None:
    calls: list[object] = []
    module.register_forward_hook(lambda *given: calls.append(given))
    before = torch.get_rng_state()
    found = nonlinearity_of(module, torch.ones(2, 3))
    assert (None if found is None else found.kind) == kind
    assert torch.equal(before, torch.get_rng_state())
    assert calls == []
    assert is_nonlinear(module)
    assert not is_nonlinear(nn.Linear(1, 1))
