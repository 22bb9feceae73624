"""Weights that shrink toward zero."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.rules.weights_shrinking import weights_shrinking
from gradwidget.record.history import History
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


@pytest.mark.parametrize(
    ("per_step", "begins", "steps"),
    [
        (0.94, 0, range(250)),
        (0.98, 0, range(250)),
        (0.94, 60, range(250)),
        (0.9, 101, [*range(10), *range(20, 101, 20), *range(115, 150)]),  # seen first at 115
    ],
)
def test_a_decay_has_begun_where_it_acts_first(
    per_step: float, begins: int, steps: Iterable[int]
) -> None:
    _, history = judge(
        steps, chain(DEPTH), lambda step: norms(2, 4.0 * per_step ** max(0, step - begins))
    )
    detection = weights_shrinking(Window(history), None)
    assert detection is not None
    assert abs(detection.first_step - begins) <= 1


def falls_alone(layer: int, others: float, **scalars: float) -> History:
    def figures(step: int) -> dict[str, Any]:
        values = np.full(DEPTH, 4.0 * others ** min(step, 30))
        values[layer] = 4.0 * 0.94**step
        return healthy(DEPTH, matrix_norm=values, scalars=scalars)

    return judge(60, chain(DEPTH), figures)[1]


def test_a_last_layer_that_shrinks_alone_without_decay_does_what_its_loss_asks_for() -> None:
    last = DEPTH - 1
    assert weights_shrinking(Window(falls_alone(last, 1.0, weight_decay=0.0)), None) is None
    for history in (
        falls_alone(last, 1.0, weight_decay=0.1),
        falls_alone(last, 1.0),  # nobody knows of a decay
        falls_alone(last, 0.97, weight_decay=0.0),  # so do the others
        falls_alone(1, 1.0, weight_decay=0.0),
    ):
        assert weights_shrinking(Window(history), None) is not None


def test_silent_on_ordinary_weight_decay() -> None:
    assert judge(200, chain(DEPTH), lambda step: norms(2, 4.0 * 0.997**step))[0].findings == []
