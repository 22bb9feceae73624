"""ReLU instead of a squashing activation function."""

from __future__ import annotations

import torch
from torch import nn

from gradwidget.diagnose.remedies.use_relu import use_relu
from gradwidget.frame import Layer
from tests.support.frames import chain


def layers(activation: str) -> list[Layer]:
    hidden = [Layer(name, "Linear", {"weight": (8, 8)}, activation=activation) for name in "02"]
    return [*hidden, Layer("4", "Linear", {"weight": (3, 8)})]


def test_every_module_before_the_output_is_replaced() -> None:
    model = nn.Sequential(
        nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3), nn.Tanh()
    )
    remedy = use_relu(layers("tanh"))
    assert remedy is not None
    assert remedy.title == "Use ReLU instead of tanh"
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    exec(remedy.code, {"model": model, "optimizer": optimizer, "torch": torch})  # noqa: S102 - that is what it is for
    kinds = [type(module).__name__ for module in model]
    assert kinds == ["Linear", "ReLU", "Linear", "ReLU", "Linear", "Tanh"]


def test_the_slope_of_the_activation_function_is_named() -> None:
    sigmoid, tanh = use_relu(layers("sigmoid")), use_relu(layers("tanh"))
    assert sigmoid is not None
    assert tanh is not None
    assert sigmoid.why.startswith("The slope of a sigmoid is at most 0.25, a quarter per layer.")
    assert tanh.why.startswith("The slope of a tanh is at most 1, and close to 0 once its input")


def test_there_is_none_where_nothing_squashes() -> None:
    assert use_relu(chain(4, "relu")) is None
