"""Weights that have become very large."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.rules.weights_growing import weights_growing
from tests.support.frames import chain, healthy, judge, only

DEPTH = 4


def norms(layers: int | list[int], value: float) -> dict[str, Any]:
    values = np.full(DEPTH, 4.0)
    values[layers] = value
    return healthy(DEPTH, matrix_norm=values)


def test_weights_that_grow_exponentially_are_named_once_they_are_large() -> None:
    def figures(step: int) -> dict[str, Any]:
        return norms([1, 2], 4.0 * 1.05 ** max(0, step - 30))

    finding = only(judge(120, chain(DEPTH), figures)[0])
    assert finding.symptom is Symptom.WEIGHTS_GROWING
    assert finding.layers == ("fc1", "fc2")
    # ln 6.3 / ln 1.05 = 38 steps after it began.
    assert 66 <= finding.first_step <= 70


def test_growth_is_measured_from_the_initial_norm() -> None:
    _, history = judge(60, chain(DEPTH), lambda step: norms([1, 2], 4.0 if step < 9 else 40.0))
    detection = weights_growing(Window(history), None)
    assert detection is not None
    assert detection.evidence["value"] == 10.0
    assert detection.first_step == 9
    assert "grown to 10× their scale" in detection.message


def test_silent_while_a_layer_that_starts_at_zero_grows_to_a_usual_size() -> None:
    assert judge(100, chain(DEPTH), lambda step: norms(3, min(6.0, 0.1 * step)))[0].findings == []


def test_silent_on_one_layer_that_grows_alone_and_does_no_harm() -> None:
    def figures(step: int) -> dict[str, Any]:
        return norms(3, 4.0 + step)

    assert judge(100, chain(DEPTH), figures)[0].findings == []


def test_one_layer_that_grows_beyond_all_bounds_is_named() -> None:
    finding = only(judge(120, chain(DEPTH), lambda step: norms(3, 4.0 * 1.06**step))[0])
    assert (finding.symptom, finding.layers) == (Symptom.WEIGHTS_GROWING, ("fc3",))
    assert finding.reported_step >= 78  # a hundredfold, ln 100 / ln 1.06


@pytest.mark.parametrize("learns", [True, False])
def test_of_a_model_of_one_layer_the_loss_tells_whether_growth_is_meant(*, learns: bool) -> None:
    """A logistic regression on classes that are far apart grows for as long as it is trained."""

    def figures(step: int) -> dict[str, Any]:
        loss = 2.0 * 0.95**step if learns else 2.0
        return healthy(1, matrix_norm=np.array([4.0 + 0.5 * step]), scalars={"loss": loss})

    symptoms = {one.symptom for one in judge(90, chain(1), figures)[0].findings}
    assert (Symptom.WEIGHTS_GROWING in symptoms) is not learns
