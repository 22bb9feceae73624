"""Which layers a shallower model does without."""

from __future__ import annotations

import torch
from torch import nn

from gradwidget.diagnose.remedies.fewer_layers import fewer_layers
from gradwidget.frame import Layer
from tests.support.frames import chain


def test_three_of_four_square_hidden_layers_are_removed_with_their_activation_function() -> None:
    wide = Layer("0", "Linear", {"weight": (8, 4)})
    square = [Layer(str(2 * i), "Linear", {"weight": (8, 8)}) for i in range(1, 5)]
    remedy = fewer_layers([wide, *square, Layer("10", "Linear", {"weight": (3, 8)})], "Fewer.")
    assert remedy is not None
    assert remedy.title == "Use fewer layers: 3 instead of 6"
    hidden = [module for _ in range(4) for module in (nn.Linear(8, 8), nn.ReLU())]
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), *hidden, nn.Linear(8, 3))
    exec(remedy.code, {"model": model, "torch": torch})  # noqa: S102 - that is what it is for
    kinds = [type(module).__name__ for module in model if not isinstance(module, nn.Identity)]
    assert kinds == ["Linear", "ReLU", "Linear", "ReLU", "Linear"]
    assert model(torch.ones(2, 4)).shape == (2, 3)


def test_there_is_none_for_a_shallow_model() -> None:
    assert fewer_layers(chain(3), "Fewer.") is None
