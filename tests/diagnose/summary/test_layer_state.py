"""The state of each layer in one word."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gradwidget.diagnose.finding import Finding, Symptom
from gradwidget.diagnose.summary.layer_state import JUDGED, STATE_OF, LayerState, layer_states
from gradwidget.metrics import METRICS
from tests.support.frames import chain, healthy, judge


def finding(symptom: Symptom, *layers: str) -> Finding:
    return Finding(symptom, "warning", "", layers, 0, 0, 0)


def states(*findings: Finding, **changes: Any) -> tuple[LayerState, ...]:
    layers = [replace(layer, trainable=layer.name != "fc3") for layer in chain(4)]
    history = judge(1, layers, healthy(4, **changes))[1]
    return layer_states(history, findings)


def test_a_layer_with_a_gradient_is_ok_and_a_frozen_one_is_not_trainable() -> None:
    assert states() == (*(LayerState.OK,) * 3, LayerState.NOT_TRAINABLE)


def test_an_active_finding_gives_its_layers_its_state() -> None:
    vanishing = finding(Symptom.VANISHING_GRADIENTS, "fc0", "fc1")
    assert states(vanishing)[:3] == (*(LayerState.VANISHING,) * 2, LayerState.OK)
    assert states(replace(vanishing, active=False))[:3] == (LayerState.OK,) * 3


def test_of_several_findings_the_one_that_leads_counts() -> None:
    vanishing = finding(Symptom.VANISHING_GRADIENTS, "fc0")
    dead = finding(Symptom.DEAD_RELU, "fc0", "fc1")
    assert states(vanishing, dead)[:2] == (LayerState.VANISHING, LayerState.DEAD)
    assert states(dead, vanishing)[:2] == (LayerState.DEAD, LayerState.DEAD)


def test_a_finding_of_the_whole_run_is_no_layers_state() -> None:
    assert states(finding(Symptom.PLATEAU, "fc0"))[0] == LayerState.OK


def test_what_a_finding_judges_are_metrics_that_can_be_shown() -> None:
    assert {metric for metrics in JUDGED.values() for metric in metrics} <= set(METRICS)
    without = set(STATE_OF) - set(JUDGED)
    assert without == {Symptom.RNN_VANISHING_IN_TIME, Symptom.RNN_EXPLODING_IN_TIME}


def test_nan_counts_before_everything_else() -> None:
    broken = np.array([1, 0, 0, 0])
    dead = finding(Symptom.DEAD_RELU, "fc0")
    assert states(dead, grad_nonfinite=broken)[0] == LayerState.NONFINITE


def test_a_missing_gradient_and_one_that_is_not_measured_are_told_apart() -> None:
    norm = np.array([0.1, 0.0, np.nan, 0.1])
    missing = np.array([0, 1, 0, 0])
    assert states(grad_is_none=missing, grad_norm=norm) == (
        LayerState.OK,
        LayerState.NO_GRADIENT,
        LayerState.NOT_MEASURED,
        LayerState.NOT_TRAINABLE,
    )


def test_a_gradient_that_is_exactly_zero_in_some_frames_in_a_row_is_no_ok() -> None:
    norm = np.array([0.1, 0.0, np.nan, 0.1])
    few, enough = (judge(n, chain(4), healthy(4, grad_norm=norm))[1] for n in (2, 3))
    assert layer_states(few, [])[:2] == (LayerState.OK, LayerState.OK)
    assert layer_states(enough, [])[:2] == (LayerState.OK, LayerState.ZERO_GRADIENT)
    dead = finding(Symptom.DEAD_RELU, "fc1")
    assert layer_states(enough, [dead])[1] == LayerState.DEAD
