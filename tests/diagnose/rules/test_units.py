"""Dead and saturated units."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwidget.diagnose.finding import Symptom
from tests.diagnose.frames import chain, found, healthy, judge, only

DEPTH = 5


def share(metric: str, layer: int, value: float) -> dict[str, Any]:
    values = np.full(DEPTH, 0.1)
    values[layer] = value
    return healthy(DEPTH, **{metric: values})


def test_a_layer_whose_units_are_dead_is_named_itself() -> None:
    def figures(step: int) -> dict[str, Any]:
        return share("act_dead_fraction", 2, 1.0 if step >= 50 else 0.1)

    finding = only(judge(90, chain(DEPTH), figures)[0])
    assert finding.symptom is Symptom.DEAD_RELU
    assert finding.layers == ("fc2",)
    assert finding.first_step == 50
    assert finding.reported_step <= 70


def test_the_layers_before_a_dead_one_are_not_called_vanishing() -> None:
    dead = np.where(np.arange(DEPTH) == 2, 1.0, 0.0)
    flow = np.where(np.arange(DEPTH) < 3, 0.0, 0.01)
    figures = healthy(DEPTH, act_dead_fraction=dead, act_grad_rms=flow, act_grad_norm=flow)
    assert found(judge(60, chain(DEPTH), figures)[0]) == {Symptom.DEAD_RELU}


def test_silent_on_a_sparse_layer_and_on_units_that_sleep_for_a_few_steps() -> None:
    assert judge(60, chain(DEPTH), share("act_dead_fraction", 1, 0.5))[0].findings == []

    def for_a_while(step: int) -> dict[str, Any]:
        return share("act_dead_fraction", 1, 0.85 if 5 <= step < 15 else 0.2)

    assert judge(60, chain(DEPTH), for_a_while)[0].findings == []


def test_a_saturated_hidden_layer_is_named() -> None:
    finding = only(judge(60, chain(DEPTH, "tanh"), share("act_saturated_fraction", 1, 0.95))[0])
    assert finding.symptom is Symptom.SATURATED
    assert finding.layers == ("fc1",)


def test_an_output_that_is_sure_of_itself_is_not_saturated() -> None:
    assert (
        judge(60, chain(DEPTH, "tanh"), share("act_saturated_fraction", DEPTH - 1, 1.0))[0].findings
        == []
    )
