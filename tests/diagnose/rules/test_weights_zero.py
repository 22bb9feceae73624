"""Weights of which next to nothing is left."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.rules.weights_zero import weights_zero
from gradwidget.frame import Layer
from tests.support.frames import chain, healthy, judge

DEPTH = 4


def norms(layer: int, value: float) -> dict[str, Any]:
    values = np.full(DEPTH, 4.0)
    values[layer] = value
    return healthy(DEPTH, matrix_norm=values)


def test_weights_that_are_pruned_away_are_critical() -> None:
    _, history = judge(60, chain(DEPTH), lambda step: norms(2, 4.0 if step < 9 else 0.0))
    detection = weights_zero(Window(history), None)
    assert detection is not None
    assert (detection.layers, detection.severity) == (("fc2",), "critical")
    assert detection.evidence["value"] == 0.0


def test_a_hundredth_of_the_initial_norm_is_not_zero() -> None:
    _, history = judge(60, chain(DEPTH), lambda step: norms(2, 4.0 if step < 9 else 0.04))
    assert weights_zero(Window(history), None) is None


def test_silent_on_weights_that_are_zero_and_have_no_scale_to_compare_with() -> None:
    layers = tuple(Layer(f"scale{i}", "Scale", {"weight": ()}) for i in range(DEPTH))
    gone = np.zeros(DEPTH)
    assert judge(60, layers, healthy(DEPTH, matrix_norm=gone, weight_norm=gone))[0].findings == []
