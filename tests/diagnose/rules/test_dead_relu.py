"""Units that are zero for every input."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.rules.dead_relu import dead_relu
from gradwidget.frame import Layer
from tests.support.frames import chain, found, healthy, judge, only

DEPTH = 5


def dead(layer: int, share: float) -> dict[str, Any]:
    values = np.full(DEPTH, 0.1)
    values[layer] = share
    return healthy(DEPTH, act_dead_fraction=values)


def test_a_layer_whose_units_are_dead_is_named_itself() -> None:
    def figures(step: int) -> dict[str, Any]:
        return dead(2, 1.0 if step >= 50 else 0.1)

    finding = only(judge(90, chain(DEPTH), figures)[0])
    assert finding.symptom is Symptom.DEAD_RELU
    assert finding.layers == ("fc2",)
    assert finding.first_step == 50
    assert finding.reported_step <= 70


def test_the_worst_layer_comes_first_and_gives_the_value() -> None:
    shares = np.array([0.95, 0.1, 1.0, 0.92, 0.94])
    _, history = judge(60, chain(DEPTH), healthy(DEPTH, act_dead_fraction=shares))
    detection = dead_relu(Window(history), None)
    assert detection is not None
    assert detection.layers == ("fc2", "fc0", "fc4")
    assert (detection.evidence["value"], detection.evidence["bound"]) == (1.0, 0.93)
    assert detection.message.startswith("Up to 100% of the units of fc2, fc0 and fc4 never")


def test_the_layers_before_a_dead_one_are_not_called_vanishing() -> None:
    dead = np.where(np.arange(DEPTH) == 2, 1.0, 0.0)
    flow = np.where(np.arange(DEPTH) < 3, 0.0, 0.01)
    figures = healthy(DEPTH, act_dead_fraction=dead, act_grad_rms=flow, act_grad_norm=flow)
    assert found(judge(60, chain(DEPTH), figures)[0]) == {Symptom.DEAD_RELU}


def test_silent_on_a_sparse_layer_and_on_units_that_sleep_for_a_few_steps() -> None:
    assert judge(60, chain(DEPTH), dead(1, 0.5))[0].findings == []

    def for_a_while(step: int) -> dict[str, Any]:
        return dead(1, 0.85 if 5 <= step < 15 else 0.2)

    assert judge(60, chain(DEPTH), for_a_while)[0].findings == []


def test_an_embedding_has_no_units_that_could_be_dead() -> None:
    table = Layer("fc0", "Embedding", {"weight": (16, 16)})
    _, history = judge(60, (table, *chain(DEPTH)[1:]), dead(0, 1.0))
    assert dead_relu(Window(history), None) is None
