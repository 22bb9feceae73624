"""Which fix comes first in which case."""

from __future__ import annotations

from typing import Any

import pytest

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Origin, Symptom
from gradwidget.diagnose.remedies.by_symptom import remedies_for
from tests.support.frames import chain, healthy, judge

DEPTH = 4


def titles(
    symptom: Symptom,
    activation: str = "relu",
    first_step: int = 20,
    origin: Origin | None = None,
    **evidence: float,
) -> list[str]:
    """What is offered where fc1 has the symptom."""
    history = judge(30, chain(DEPTH, activation), healthy(DEPTH))[1]
    numbers: dict[str, Any] = {"value": 0.3, "bound": 0.1, "window": 9.0, **evidence}
    detection = Detection("warning", "", ("fc1",), first_step, numbers, "", origin)
    return [remedy.title for remedy in remedies_for(symptom, detection, Window(history))]


def test_a_squashing_activation_function_is_replaced_before_anything_else() -> None:
    assert titles(Symptom.VANISHING_GRADIENTS, "sigmoid")[0] == "Use ReLU instead of sigmoid"
    assert titles(Symptom.VANISHING_GRADIENTS, "relu")[0] == "Reinitialize fc1"


def test_what_was_wrong_from_the_start_is_fixed_in_all_layers() -> None:
    assert titles(Symptom.VANISHING_GRADIENTS, first_step=0)[0] == (
        "Reinitialize fc0, fc1, fc2 and 1 more"
    )


def test_an_explosion_over_steps_is_clipped_and_one_over_depth_gets_fresh_weights() -> None:
    assert titles(Symptom.EXPLODING_GRADIENTS, baseline=1.0)[0].startswith("Clip the gradient at")
    assert titles(Symptom.EXPLODING_GRADIENTS)[0] == "Reinitialize fc1"


def test_a_nan_that_came_with_the_input_is_no_reason_to_clip() -> None:
    assert titles(Symptom.GRADIENTS_NONFINITE, origin="input") == [
        "Skip steps whose gradients are not finite",
        "Find the operation that produces it",
    ]
    assert len(titles(Symptom.GRADIENTS_NONFINITE, origin="backward")) == 4


@pytest.mark.parametrize(
    ("symptom", "moves", "title"),
    [
        (Symptom.LR_TOO_HIGH, 0.3, "Lower the learning rate to 0.001"),
        (Symptom.LR_TOO_HIGH, 0.06, "Lower the learning rate to 0.01"),
        (Symptom.LR_TOO_LOW, 1e-5, "Raise the learning rate to 10"),
        (Symptom.LR_TOO_LOW, 0.0, "Raise the learning rate to 1,000"),
    ],
)
def test_the_rate_is_changed_toward_a_usual_step(
    symptom: Symptom, moves: float, title: str
) -> None:
    # The run is at 0.1; a usual step moves the weights by a thousandth.
    assert titles(symptom, value=moves)[0] == title
