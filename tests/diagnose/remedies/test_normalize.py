"""Norm layers between the layers."""

from __future__ import annotations

import torch
from torch import nn

from gradwidget.diagnose.remedies.normalize import normalize
from gradwidget.frame import Layer

CONV = Layer("0", "Conv2d", {"weight": (4, 1, 3, 3)})
LINEAR = Layer("3", "Linear", {"weight": (8, 4)})
HEAD = Layer("5", "Linear", {"weight": (3, 8)})


def test_each_hidden_layer_gets_the_norm_layer_of_its_kind() -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 8), nn.ReLU()
    ).append(nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    remedy = normalize([CONV, LINEAR, HEAD], "why")
    assert remedy is not None
    exec(remedy.code, {"model": model, "optimizer": optimizer, "torch": torch})  # noqa: S102 - that is what it is for
    assert isinstance(model.get_submodule("0.1"), nn.BatchNorm2d)
    assert isinstance(model.get_submodule("3.1"), nn.LayerNorm)
    assert isinstance(model[5], nn.Linear)
    assert model(torch.ones(2, 1, 5, 5)).shape == (2, 3)
    held = {id(parameter) for parameter in optimizer.param_groups[0]["params"]}
    assert held == {id(parameter) for parameter in model.parameters()}


def test_there_is_none_where_the_model_has_norm_layers_or_no_plain_ones() -> None:
    norm = Layer("1", "LayerNorm", {"weight": (8,)})
    assert normalize([CONV, norm, HEAD], "why") is None
    assert normalize([Layer("rnn", "GRU", {"weight_ih_l0": (24, 8)}), HEAD], "why") is None
