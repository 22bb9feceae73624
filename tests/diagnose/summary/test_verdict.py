"""The headline of a run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gradwidget.diagnose.finding import Finding, Symptom
from gradwidget.diagnose.summary.layer_state import LayerState
from gradwidget.diagnose.summary.verdict import verdict as verdict_after
from gradwidget.diagnose.thresholds import DEFAULT

OK = (LayerState.OK,) * 4
VANISHING = Finding(Symptom.VANISHING_GRADIENTS, "warning", "", ("fc0", "fc1"), 3, 8, 9)
LOST = Finding(
    Symptom.LOSS_NONFINITE, "critical", "", (), 1412, 1412, 1412, evidence={"value": float("nan")}
)


def verdict(findings: list[Finding], states: tuple[LayerState, ...], frames: int = 100) -> str:
    return verdict_after(findings, states, frames, DEFAULT.window)


def test_a_run_without_findings_is_healthy_once_something_is_measured() -> None:
    assert verdict([], ()) == "Waiting for the first step"
    assert verdict([], (LayerState.NOT_MEASURED,) * 2) == "No gradient measured yet"
    assert verdict([], OK) == "Healthy"


def test_nothing_is_healthy_before_the_rules_could_have_spoken() -> None:
    assert verdict([], OK, frames=DEFAULT.window - 1) == "Looking … 8 of 9 steps"
    assert verdict([], OK, frames=DEFAULT.window) == "Healthy"
    assert verdict([VANISHING], OK, frames=1) == "Vanishing gradients in 2 of 4 layers"


def test_resolved_findings_do_not_count() -> None:
    assert verdict([replace(VANISHING, active=False)], OK) == "Healthy"


def test_what_a_cause_explains_is_not_counted_but_other_causes_are() -> None:
    frozen = replace(
        VANISHING, symptom=Symptom.EARLY_LAYERS_FROZEN, because=Symptom.VANISHING_GRADIENTS
    )
    assert verdict([VANISHING, frozen], OK) == "Vanishing gradients in 2 of 4 layers"
    dead = replace(VANISHING, symptom=Symptom.DEAD_RELU)
    assert verdict([VANISHING, dead, frozen], OK) == (
        "Vanishing gradients in 2 of 4 layers (and 1 more finding)"
    )


def test_the_first_finding_leads_and_the_others_are_counted() -> None:
    assert verdict([VANISHING], OK) == "Vanishing gradients in 2 of 4 layers"
    assert (
        verdict([LOST, VANISHING], OK) == "Loss has been NaN since step 1,412 (and 1 more finding)"
    )


@pytest.mark.parametrize(
    ("symptom", "headline"),
    [
        (Symptom.GRADIENTS_NONFINITE, "Gradients have been NaN or Inf since step 1,412"),
        (Symptom.WEIGHTS_NONFINITE, "Weights have been NaN or Inf since step 1,412"),
        (Symptom.LR_TOO_HIGH, "Learning rate too high"),
        (Symptom.BAD_INPUTS, "Inputs out of scale"),
        (Symptom.GRADIENTS_NOT_CLEARED, "Gradients are never cleared"),
        (Symptom.ZERO_GRADIENT, "Gradients are exactly zero"),
    ],
)
def test_findings_of_the_whole_model_have_a_headline(symptom: Symptom, headline: str) -> None:
    assert verdict([replace(LOST, symptom=symptom)], OK) == headline
    infinite = replace(LOST, evidence={"value": float("inf")})
    assert verdict([infinite], OK) == "Loss has been infinite since step 1,412"


def test_a_layer_without_a_gradient_at_this_step_is_mentioned() -> None:
    states = (LayerState.OK, LayerState.NO_GRADIENT, LayerState.NOT_TRAINABLE)
    assert verdict([], states) == "No gradient in 1 of 3 layers at this step"


@pytest.mark.parametrize(
    ("symptom", "headline"),
    [
        (Symptom.EARLY_LAYERS_FROZEN, "Early layers frozen: 2 of 4"),
        (Symptom.NOT_IN_OPTIMIZER, "Parameters of 2 of 4 layers are in no optimizer"),
        (Symptom.WEIGHTS_GROWING, "Weights growing in 2 of 4 layers"),
        (Symptom.ZERO_GRADIENT, "Gradients are exactly zero in 2 of 4 layers"),
        (Symptom.PLATEAU, "Loss does not improve"),
    ],
)
def test_findings_of_some_layers_count_them_where_it_is_in_them(
    symptom: Symptom, headline: str
) -> None:
    assert verdict([replace(VANISHING, symptom=symptom)], OK) == headline
