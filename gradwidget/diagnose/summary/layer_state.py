"""The state of each layer in one word, for its color and its mark."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradwidget.diagnose.finding import Finding, Symptom
from gradwidget.frame import BoolArray
from gradwidget.record.history import LOOK_BACK, History
from gradwidget.strenum import StrEnum


class LayerState(StrEnum):
    """What the row of a layer says about it."""

    OK = "ok"
    VANISHING = "vanishing"
    EXPLODING = "exploding"
    DEAD = "dead"
    NONFINITE = "non-finite"
    NO_GRADIENT = "no gradient"
    NOT_TRAINABLE = "not trainable"
    NOT_MEASURED = "not measured"


STATE_OF: dict[Symptom, LayerState] = {
    Symptom.GRADIENTS_NONFINITE: LayerState.NONFINITE,
    Symptom.WEIGHTS_NONFINITE: LayerState.NONFINITE,
    Symptom.LOSS_NONFINITE: LayerState.NONFINITE,
    Symptom.EXPLODING_GRADIENTS: LayerState.EXPLODING,
    Symptom.WEIGHTS_GROWING: LayerState.EXPLODING,
    Symptom.RNN_EXPLODING_IN_TIME: LayerState.EXPLODING,
    Symptom.NO_GRADIENT: LayerState.NO_GRADIENT,
    Symptom.DEAD_RELU: LayerState.DEAD,
    Symptom.WEIGHTS_ZERO: LayerState.DEAD,
    Symptom.VANISHING_GRADIENTS: LayerState.VANISHING,
    Symptom.WEIGHTS_SHRINKING: LayerState.VANISHING,
    Symptom.EARLY_LAYERS_FROZEN: LayerState.VANISHING,
    Symptom.RNN_VANISHING_IN_TIME: LayerState.VANISHING,
    Symptom.FP16_UNDERFLOW: LayerState.VANISHING,
}
"""State of the layers that an active finding names.

Where several findings name the same layer, the symptom listed first counts. Not every symptom is a
state: saturated units do not tell how much gradient comes through, and it may even explode.
"""


def layer_states(history: History, findings: Sequence[Finding]) -> tuple[LayerState, ...]:
    """The state of each layer of ``history.layers`` at the newest frame.

    What an active finding says of a layer comes first, then whether it can and does get a gradient.

    Example:
        >>> layer_states(History(), [])
        ()
    """
    said = _said(findings)
    measured = np.zeros(len(history.layers), np.bool_)
    if history.version:
        measured = np.any(~np.isnan(history.recent("grad_norm", LOOK_BACK)), axis=0)
    missing = _flagged(history, "grad_is_none")
    broken = _flagged(history, "grad_nonfinite", "weight_nonfinite")
    states = []
    for i, layer in enumerate(history.layers):
        if broken[i]:
            states.append(LayerState.NONFINITE)
        elif layer.name in said:
            states.append(said[layer.name])
        elif not layer.trainable:
            states.append(LayerState.NOT_TRAINABLE)
        elif missing[i]:
            states.append(LayerState.NO_GRADIENT)
        else:
            states.append(LayerState.OK if measured[i] else LayerState.NOT_MEASURED)
    return tuple(states)


def _said(findings: Sequence[Finding]) -> dict[str, LayerState]:
    said: dict[str, LayerState] = {}
    for symptom, state in STATE_OF.items():
        for finding in findings:
            if finding.active and finding.symptom is symptom:
                for name in finding.layers:
                    said.setdefault(name, state)
    return said


def _flagged(history: History, *metrics: str) -> BoolArray:
    """Bool [layers]: whether one of these metrics is measured and above 0 in the newest frame."""
    flagged = np.zeros(len(history.layers), np.bool_)
    for metric in metrics:
        if history.last is not None and metric in history.last.metrics:
            flagged |= history.last.is_measured(metric) & (history.last.metrics[metric] > 0)
    return flagged
