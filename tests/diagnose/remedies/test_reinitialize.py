"""Fresh weights with the gain that fits."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gradwidget.diagnose.remedies.reinitialize import reinitialize
from gradwidget.frame import Layer


@pytest.mark.parametrize(
    ("layer", "scheme"),
    [
        (Layer("a", "Linear", {"weight": (8, 8)}, activation="relu"), "kaiming"),
        (Layer("a", "Linear", {"weight": (8, 8)}, activation="gelu"), "kaiming"),
        (Layer("a", "Linear", {"weight": (8, 8)}, activation="tanh"), "xavier_tanh"),
        (Layer("a", "Linear", {"weight": (8, 8)}, activation="sigmoid"), "xavier"),
        (Layer("a", "Linear", {"weight": (8, 8)}), "xavier"),
        (Layer("a", "LSTM", {"weight_hh_l0": (32, 8)}, activation="tanh"), "orthogonal"),
    ],
)
def test_the_scheme_is_that_of_the_activation_function(layer: Layer, scheme: str) -> None:
    remedy = reinitialize([layer], "why")
    assert remedy is not None
    assert remedy.action == {"kind": "reinitialize", "layers": {"a": scheme}}


def test_the_code_draws_weights_of_the_size_that_the_scheme_gives() -> None:
    torch.manual_seed(0)
    model = nn.ModuleDict({"deep": nn.Linear(400, 400), "out": nn.Linear(400, 400)})
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    relu = Layer("deep", "Linear", {"weight": (400, 400)}, activation="relu")
    plain = Layer("out", "Linear", {"weight": (400, 400)})
    remedy = reinitialize([relu, plain], "why")
    assert remedy is not None
    assert remedy.title == "Reinitialize deep and out"
    exec(remedy.code, {"model": model, "optimizer": optimizer, "torch": torch})  # noqa: S102 - that is what it is for
    for name, variance in (("deep", 2 / 400), ("out", 2 / 800)):
        weight = model.get_submodule(name).get_parameter("weight")
        assert float(weight.detach().var()) == pytest.approx(variance, rel=0.05)
        assert not model.get_submodule(name).get_parameter("bias").any()


def test_there_is_none_without_a_weight_matrix() -> None:
    assert reinitialize([Layer("norm", "LayerNorm", {"weight": (8,)})], "why") is None
