"""Weights that grow, shrink or are gone."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwidget.diagnose.finding import Symptom
from gradwidget.frame import Layer
from tests.diagnose.frames import chain, found, healthy, judge, only

DEPTH = 4


def norms(layer: int, value: float) -> dict[str, Any]:
    values = np.full(DEPTH, 4.0)
    values[layer] = value
    return healthy(DEPTH, matrix_norm=values)


def test_weights_that_grow_exponentially_are_named_once_they_are_large() -> None:
    def figures(step: int) -> dict[str, Any]:
        return norms(1, 4.0 * 1.05 ** max(0, step - 30))

    finding = only(judge(120, chain(DEPTH), figures)[0])
    assert finding.symptom is Symptom.WEIGHTS_GROWING
    assert finding.layers == ("fc1",)
    # ln 6.3 / ln 1.05 = 38 steps after it began.
    assert 66 <= finding.first_step <= 70


def test_silent_while_a_layer_that_starts_at_zero_grows_to_a_usual_size() -> None:
    assert judge(100, chain(DEPTH), lambda step: norms(3, min(6.0, 0.1 * step)))[0].findings == []


def test_weights_that_decay_are_shrinking_and_in_the_end_gone() -> None:
    engine, _ = judge(200, chain(DEPTH), lambda step: norms(2, 4.0 * 0.94**step))
    assert found(engine) == {Symptom.WEIGHTS_SHRINKING, Symptom.WEIGHTS_ZERO}
    assert {finding.layers for finding in engine.findings} == {("fc2",)}
    shrinking = next(f for f in engine.findings if f.symptom is Symptom.WEIGHTS_SHRINKING)
    gone = next(f for f in engine.findings if f.symptom is Symptom.WEIGHTS_ZERO)
    assert shrinking.first_step < gone.first_step


def test_silent_on_ordinary_weight_decay() -> None:
    assert judge(200, chain(DEPTH), lambda step: norms(2, 4.0 * 0.997**step))[0].findings == []


def test_silent_on_weights_that_are_zero_and_have_no_scale_to_compare_with() -> None:
    layers = tuple(Layer(f"scale{i}", "Scale", {"weight": ()}) for i in range(DEPTH))
    gone = np.zeros(DEPTH)
    assert judge(60, layers, healthy(DEPTH, matrix_norm=gone, weight_norm=gone))[0].findings == []
