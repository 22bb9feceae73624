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
    WEIGHTS_GROW = "weights grow"
    WEIGHTS_SHRINK = "weights shrink"
    ZERO_WEIGHTS = "zero weights"
    FROZEN = "frozen"
    DEAD = "dead"
    SATURATED = "saturated"
    UNDERFLOW = "underflow"
    UPDATES_LOST = "updates lost"
    ZERO_GRADIENT = "zero gradient"
    NO_OPTIMIZER = "no optimizer"
    NONFINITE = "non-finite"
    NO_GRADIENT = "no gradient"
    NOT_TRAINABLE = "not trainable"
    NOT_MEASURED = "not measured"


CALM = frozenset({LayerState.OK, LayerState.NOT_TRAINABLE, LayerState.NOT_MEASURED})
"""States in which nothing is wrong with a layer."""

STATE_OF: dict[Symptom, LayerState] = {
    Symptom.GRADIENTS_NONFINITE: LayerState.NONFINITE,
    Symptom.WEIGHTS_NONFINITE: LayerState.NONFINITE,
    Symptom.LOSS_NONFINITE: LayerState.NONFINITE,
    Symptom.EXPLODING_GRADIENTS: LayerState.EXPLODING,
    Symptom.WEIGHTS_GROWING: LayerState.WEIGHTS_GROW,
    Symptom.RNN_EXPLODING_IN_TIME: LayerState.EXPLODING,
    Symptom.NO_GRADIENT: LayerState.NO_GRADIENT,
    Symptom.ZERO_GRADIENT: LayerState.ZERO_GRADIENT,
    Symptom.NOT_IN_OPTIMIZER: LayerState.NO_OPTIMIZER,
    Symptom.DEAD_RELU: LayerState.DEAD,
    Symptom.SATURATED: LayerState.SATURATED,
    Symptom.WEIGHTS_ZERO: LayerState.ZERO_WEIGHTS,
    Symptom.VANISHING_GRADIENTS: LayerState.VANISHING,
    Symptom.WEIGHTS_SHRINKING: LayerState.WEIGHTS_SHRINK,
    Symptom.EARLY_LAYERS_FROZEN: LayerState.FROZEN,
    Symptom.RNN_VANISHING_IN_TIME: LayerState.VANISHING,
    Symptom.FP16_UNDERFLOW: LayerState.UNDERFLOW,
    Symptom.UPDATES_LOST: LayerState.UPDATES_LOST,
}
"""State of the layers that an active finding names.

Where several findings name the same layer, the one that leads counts: a cause before what it
explains. A symptom of the whole run (its loss, its loop, its learning rate) is no layer's state.
"""

_GRADIENT = (
    "grad_rms",
    "grad_norm",
    "grad_mean_abs",
    "grad_max_abs",
    "raw_grad_norm",
)
_FLOW = ("act_grad_rms", "act_grad_norm")
_WEIGHTS = ("weight_norm", "matrix_norm", "weight_max_abs")

JUDGED: dict[Symptom, tuple[str, ...]] = {
    Symptom.GRADIENTS_NONFINITE: (*_GRADIENT, *_FLOW, "grad_nonfinite"),
    Symptom.WEIGHTS_NONFINITE: (*_WEIGHTS, "weight_nonfinite"),
    Symptom.LOSS_NONFINITE: ("act_rms", "act_nonfinite"),
    Symptom.EXPLODING_GRADIENTS: (*_FLOW, *_GRADIENT),
    Symptom.VANISHING_GRADIENTS: (*_FLOW, *_GRADIENT),
    Symptom.NO_GRADIENT: (*_GRADIENT, "grad_is_none"),
    Symptom.ZERO_GRADIENT: ("grad_zero_fraction", *_GRADIENT),
    Symptom.WEIGHTS_GROWING: _WEIGHTS,
    Symptom.WEIGHTS_SHRINKING: _WEIGHTS,
    Symptom.WEIGHTS_ZERO: _WEIGHTS,
    Symptom.EARLY_LAYERS_FROZEN: ("matrix_change", "update_ratio"),
    Symptom.DEAD_RELU: ("act_dead_fraction", "act_zero_fraction"),
    Symptom.SATURATED: ("act_saturated_fraction",),
    Symptom.FP16_UNDERFLOW: ("grad_zero_fraction", "act_grad_zero_fraction"),
    Symptom.UPDATES_LOST: ("updates_lost_fraction",),
    Symptom.NOT_IN_OPTIMIZER: ("optimized_fraction",),
    Symptom.LR_TOO_HIGH: ("update_ratio",),
    Symptom.LR_TOO_LOW: ("update_ratio",),
}
"""The metrics that a finding is about, the one that shows it best first.

A bar has the color of its row's state only where one of these is shown. Symptoms that no metric of
a layer shows are left out.
"""


STAYS = 3
"""Frames in a row in which a gradient is exactly 0, from which that is the state of its layer."""


def layer_states(history: History, findings: Sequence[Finding]) -> tuple[LayerState, ...]:
    """The state of each layer of ``history.layers`` at the newest frame.

    Not being finite comes first, then what the leading finding says of a layer, then whether it
    can and does get a gradient that is not zero in each of the newest steps.

    Example:
        >>> layer_states(History(), [])
        ()
    """
    leads = leading(findings)
    measured = np.zeros(len(history.layers), np.bool_)
    if history.version:
        measured = np.any(~np.isnan(history.recent("grad_norm", LOOK_BACK)), axis=0)
    missing = _flagged(history, "grad_is_none")
    broken = _flagged(history, "grad_nonfinite", "weight_nonfinite")
    # One such step is no state: a branch that begins at zero has it first, and then a gradient.
    zero = np.zeros_like(measured)
    if history.version >= STAYS:
        zero = np.all(history.recent("grad_norm", STAYS) == 0, axis=0)
    states = []
    for i, layer in enumerate(history.layers):
        if broken[i]:
            states.append(LayerState.NONFINITE)
        elif layer.name in leads:
            states.append(STATE_OF[leads[layer.name].symptom])
        elif not layer.trainable:
            states.append(LayerState.NOT_TRAINABLE)
        elif missing[i]:
            states.append(LayerState.NO_GRADIENT)
        elif zero[i]:
            states.append(LayerState.ZERO_GRADIENT)
        else:
            states.append(LayerState.OK if measured[i] else LayerState.NOT_MEASURED)
    return tuple(states)


def leading(findings: Sequence[Finding]) -> dict[str, Finding]:
    """Of each layer that is named: the active finding that gives its row a state.

    Args:
        findings: as ``Engine.findings`` gives them, causes before what they explain.

    Example:
        >>> leading([])
        {}
    """
    leads: dict[str, Finding] = {}
    for finding in findings:
        if finding.active and finding.symptom in STATE_OF:
            for name in finding.layers:
                leads.setdefault(name, finding)
    return leads


def _flagged(history: History, *metrics: str) -> BoolArray:
    """Bool [layers]: whether one of these metrics is measured and above 0 in the newest frame."""
    flagged = np.zeros(len(history.layers), np.bool_)
    for metric in metrics:
        if history.last is not None and metric in history.last.metrics:
            flagged |= history.last.is_measured(metric) & (history.last.metrics[metric] > 0)
    return flagged
