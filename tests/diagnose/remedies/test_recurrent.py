"""Remedies of recurrent layers: for which kinds there are any."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gradwidget.diagnose.remedies.forget_bias import forget_bias
from gradwidget.diagnose.remedies.gated_cell import gated_cell
from gradwidget.diagnose.remedies.orthogonal import orthogonal
from gradwidget.frame import Layer


def layer(kind: str) -> Layer:
    names = (
        ("weight_ih", "weight_hh") if kind.endswith("Cell") else ("weight_ih_l0", "weight_hh_l0")
    )
    return Layer("rnn", kind, dict.fromkeys(names, (8, 8)))


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("RNN", ["gated_cell", "orthogonal"]),
        ("RNNCell", ["gated_cell", "orthogonal"]),
        ("GRU", ["forget_bias", "orthogonal"]),
        ("LSTM", ["forget_bias", "orthogonal"]),
        ("LSTMCell", ["orthogonal"]),
    ],
)
def test_a_remedy_is_offered_where_it_changes_something(kind: str, names: list[str]) -> None:
    remedies = (gated_cell, forget_bias, orthogonal)
    assert [one.__name__ for one in remedies if one([layer(kind)]) is not None] == names


def test_a_linear_layer_has_none() -> None:
    linear = [Layer("fc", "Linear", {"weight": (8, 8)})]
    assert [remedy(linear) for remedy in (gated_cell, forget_bias, orthogonal)] == [None] * 3


def test_an_orthogonal_block_keeps_the_norm_of_a_state() -> None:
    torch.manual_seed(0)
    model = nn.ModuleDict({"rnn": nn.GRU(4, 8)})
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    remedy = orthogonal([layer("GRU")])
    assert remedy is not None
    exec(remedy.code, {"model": model, "optimizer": optimizer, "torch": torch})  # noqa: S102 - that is what it is for
    weight = model.get_submodule("rnn").get_parameter("weight_hh_l0").detach()
    for block in weight.split(8):
        torch.testing.assert_close(block @ block.T, torch.eye(8))
