"""Remedies of recurrent layers: for which kinds there are any."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.forget_bias import forget_bias
from gradwidget.diagnose.remedies.gated_cell import gated_cell
from gradwidget.diagnose.remedies.orthogonal import orthogonal
from gradwidget.frame import Layer


def layer(kind: str, *, bias: bool = True) -> Layer:
    end = "" if kind.endswith("Cell") else "_l0"
    shapes = {f"weight_ih{end}": (8, 8), f"weight_hh{end}": (8, 8)}
    biases = {f"bias_ih{end}": (8,), f"bias_hh{end}": (8,)}
    return Layer("rnn", kind, {**shapes, **(biases if bias else {})})


def offered(one: Layer) -> list[str]:
    remedies = {
        "gated_cell": gated_cell([one]),
        "forget_bias": forget_bias([one]),
        "orthogonal": orthogonal([one], grows=False),
    }
    return [name for name, remedy in remedies.items() if remedy is not None]


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("RNN", ["gated_cell", "orthogonal"]),
        ("RNNCell", ["gated_cell", "orthogonal"]),
        ("GRU", ["forget_bias", "orthogonal"]),
        ("LSTM", ["forget_bias", "orthogonal"]),
        ("LSTMCell", ["forget_bias", "orthogonal"]),
    ],
)
def test_a_remedy_is_offered_where_it_changes_something(kind: str, names: list[str]) -> None:
    assert offered(layer(kind)) == names


def test_a_gate_without_biases_cannot_be_raised() -> None:
    assert offered(layer("LSTM", bias=False)) == ["orthogonal"]


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "LSTMCell", "GRUCell"])
def test_a_gate_that_was_shut_by_either_bias_is_open_again(kind: str) -> None:
    rnn = getattr(nn, kind)(4, 8)
    model = nn.ModuleDict({"rnn": rnn})
    biases = [bias for name, bias in rnn.named_parameters() if name.startswith("bias")]
    for bias in biases:
        nn.init.constant_(bias, -6.0)
    remedy = forget_bias([layer(kind)])
    assert remedy is not None
    run(remedy, model)
    total = sum(bias.detach() for bias in biases)
    assert isinstance(total, torch.Tensor)
    assert total[8:16].tolist() == [3.0] * 8
    assert total[:8].tolist() == [-12.0] * 8


def run(remedy: Remedy, model: nn.Module) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    exec(remedy.code, {"model": model, "optimizer": optimizer, "torch": torch})  # noqa: S102 - that is what it is for


def test_a_linear_layer_has_none() -> None:
    assert offered(Layer("fc", "Linear", {"weight": (8, 8)})) == []


def test_an_orthogonal_block_keeps_the_norm_of_a_state() -> None:
    torch.manual_seed(0)
    model = nn.ModuleDict({"rnn": nn.GRU(4, 8)})
    remedy = orthogonal([layer("GRU")], grows=False)
    assert remedy is not None
    run(remedy, model)
    weight = model.get_submodule("rnn").get_parameter("weight_hh_l0").detach()
    for block in weight.split(8):
        torch.testing.assert_close(block @ block.T, torch.eye(8))


@pytest.mark.parametrize(
    ("nonlinearity", "direction", "scale"),
    [("tanh", "fades", 1.2), ("tanh", "grows", 1.0), ("relu", "fades", 1.0)],
)
def test_only_where_a_tanh_shrinks_the_state_is_its_matrix_more_than_orthogonal(
    nonlinearity: str, direction: str, scale: float
) -> None:
    torch.manual_seed(0)
    model = nn.ModuleDict({"rnn": nn.RNN(4, 8, nonlinearity=nonlinearity)})
    remedy = orthogonal([layer("RNN")], grows=direction == "grows")
    assert remedy is not None
    run(remedy, model)
    weight = model.get_submodule("rnn").get_parameter("weight_hh_l0").detach()
    torch.testing.assert_close(weight @ weight.T, scale**2 * torch.eye(8))
