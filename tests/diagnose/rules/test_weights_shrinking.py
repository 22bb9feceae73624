"""Weights that shrink toward zero."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.rules.weights_shrinking import weights_shrinking
from tests.support.frames import chain, found, healthy, judge

DEPTH = 4


def norms(layer: int, value: float) -> dict[str, Any]:
    values = np.full(DEPTH, 4.0)
    values[layer] = value
    return healthy(DEPTH, matrix_norm=values)


def test_weights_that_decay_are_shrinking_and_in_the_end_gone() -> None:
    engine, _ = judge(200, chain(DEPTH), lambda step: norms(2, 4.0 * 0.94**step))
    assert found(engine) == {Symptom.WEIGHTS_SHRINKING, Symptom.WEIGHTS_ZERO}
    assert {finding.layers for finding in engine.findings} == {("fc2",)}
    shrinking = next(f for f in engine.findings if f.symptom is Symptom.WEIGHTS_SHRINKING)
    gone = next(f for f in engine.findings if f.symptom is Symptom.WEIGHTS_ZERO)
    assert shrinking.first_step < gone.first_step


def test_a_tenth_of_the_initial_norm_has_shrunk() -> None:
    _, history = judge(60, chain(DEPTH), lambda step: norms(2, 4.0 if step < 9 else 0.4))
    detection = weights_shrinking(Window(history), None)
    assert detection is not None
    assert detection.layers == ("fc2",)
    assert abs(detection.evidence["value"] - 0.1) < 1e-6
    assert detection.first_step == 9


def test_silent_on_ordinary_weight_decay() -> None:
    assert judge(200, chain(DEPTH), lambda step: norms(2, 4.0 * 0.997**step))[0].findings == []
