"""Outputs at the ends of the range of their activation function."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.rules.saturated import saturated
from gradwidget.frame import LOSS, Wiring
from tests.support.frames import chain, healthy, judge, only

DEPTH = 5


def saturation(layer: int, share: float) -> dict[str, Any]:
    values = np.full(DEPTH, 0.1)
    values[layer] = share
    return healthy(DEPTH, act_saturated_fraction=values)


def test_a_saturated_hidden_layer_is_named() -> None:
    finding = only(judge(60, chain(DEPTH, "tanh"), saturation(1, 0.95))[0])
    assert finding.symptom is Symptom.SATURATED
    assert finding.layers == ("fc1",)


def test_an_output_that_is_confident_is_not_saturated() -> None:
    def figures(step: int) -> dict[str, Any]:
        loss = {"loss": 2.0 if step < 5 else 0.2}
        return {**saturation(DEPTH - 1, float(step >= 5)), "scalars": {"lr": 0.1, **loss}}

    assert judge(60, chain(DEPTH, "tanh"), figures)[0].findings == []


def test_an_output_that_is_saturated_while_the_loss_is_high_is_named() -> None:
    figures = {**saturation(DEPTH - 1, 1.0), "scalars": {"lr": 0.1, "loss": 2.0}}
    assert judge(60, chain(DEPTH, "tanh"), figures)[0].findings[0].layers == ("fc4",)


def test_half_of_the_outputs_may_be_saturated() -> None:
    _, history = judge(60, chain(DEPTH, "tanh"), saturation(1, 0.5))
    assert saturated(Window(history), None) is None


def test_a_player_that_is_sure_of_the_other_one_is_not_saturated() -> None:
    wiring = Wiring(
        feeds={"fc0": ("fc1",), "fc1": (LOSS,), "fc2": ("fc3",), "fc3": ("fc4",), "fc4": (LOSS,)},
        optimizers=("SGD", "Adam"),
    )

    def figures(step: int) -> dict[str, Any]:
        plays = np.arange(DEPTH) < 2 if step % 2 else np.arange(DEPTH) >= 2
        values = {**saturation(1, 1.0), "wiring": wiring, "measured": {"grad_norm": plays}}
        return {**values, "scalars": {"lr": 0.1, "loss": 2.0}}

    window = Window(judge(60, chain(DEPTH, "sigmoid"), figures)[1])
    assert window.has_opponent
    assert saturated(window, None) is None


HEADS = Wiring(
    feeds={
        "fc0": ("fc1", "fc2"),
        "fc1": ("fc2", LOSS),
        "fc2": ("fc3", "fc4"),
        "fc3": (LOSS,),
        "fc4": (LOSS,),
    }
)
"""Two heads, and a mask that the loss reads and that flows on into them."""


def heads(layer: int, loss: float) -> Any:
    def figures(step: int) -> dict[str, Any]:
        scalars = {"lr": 0.1, "loss": 2.0 if step < 10 else loss}
        return {**saturation(layer, 0.95), "wiring": HEADS, "scalars": scalars}

    return figures


@pytest.mark.parametrize("layer", [1, 3])
def test_one_of_several_heads_that_is_confident_is_not_saturated(layer: int) -> None:
    assert judge(60, chain(DEPTH, "sigmoid"), heads(layer, 0.2))[0].findings == []


def test_a_head_is_confident_where_the_loss_of_another_one_keeps_the_sum_high() -> None:
    assert judge(60, chain(DEPTH, "tanh"), heads(3, 1.3))[0].findings == []


def test_a_head_that_is_saturated_while_nothing_is_learned_is_named() -> None:
    found = judge(60, chain(DEPTH, "tanh"), heads(3, 2.0))[0].findings
    assert (found[0].symptom, found[0].layers) == (Symptom.SATURATED, ("fc3",))


def test_a_hidden_layer_before_heads_that_are_confident_is_named() -> None:
    finding = only(judge(60, chain(DEPTH, "tanh"), heads(2, 0.2))[0])
    assert (finding.symptom, finding.layers) == (Symptom.SATURATED, ("fc2",))
