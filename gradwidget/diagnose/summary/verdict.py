"""The headline: how the run is doing, in one line."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gradwidget.diagnose.finding import Finding, Symptom
from gradwidget.diagnose.summary.layer_state import STATE_OF, LayerState

NOT_CHECKED = (
    "Not checked: whether labels, masks and rewards are right. Gradients do not show that."
)
"""What a reader must not take "Healthy" for."""

HEALTHY = "Healthy"

_NOT_FINITE = {
    Symptom.LOSS_NONFINITE: "Loss has been {}",
    Symptom.GRADIENTS_NONFINITE: "Gradients have been NaN or Inf",
    Symptom.WEIGHTS_NONFINITE: "Weights have been NaN or Inf",
}


def verdict(
    findings: Sequence[Finding],
    states: Sequence[LayerState],
    frames: int,
    needed: int,
    awaits: str = "",
) -> str:
    """One line such as ``"Vanishing gradients in 5 of 14 layers"``.

    The first cause leads and the other causes are counted; what they explain is not.

    Args:
        findings: as ``Engine.findings`` gives them.
        states: of every layer; empty before the first frame.
        frames: frames of the run so far.
        needed: frames that most rules need before they can say anything.
        awaits: what was seen of the first step and what is missing, before there is a frame.

    Example:
        >>> verdict([], (), 0, 9), verdict([], (LayerState.OK,), 2, 9)
        ('Waiting for the first step', 'Looking … 2 of 9 steps')
        >>> verdict([], (LayerState.OK,), 9, 9)
        'Healthy'
    """
    if not states:
        return "Waiting for the first step" + (f": {awaits}" if awaits else "")
    active = [finding for finding in findings if finding.active]
    if active:
        more = sum(finding.because is None for finding in active[1:])
        rest = f" (and {more} more finding{'s' if more > 1 else ''})" if more else ""
        return _headline(active[0], len(states)) + rest
    watched = [state for state in states if state is not LayerState.NOT_TRAINABLE]
    if watched and all(state is LayerState.NOT_MEASURED for state in watched):
        return "No gradient measured yet"
    missing = sum(state is LayerState.NO_GRADIENT for state in watched)
    if missing:
        return f"No gradient in {missing:,} of {len(states):,} layers at this step"
    if frames < needed:
        return f"Looking … {frames} of {needed} steps"
    return HEALTHY


def _headline(finding: Finding, layers: int) -> str:
    count = f"{len(finding.layers):,} of {layers:,}"
    if finding.symptom in _NOT_FINITE:
        value = finding.evidence.get("value", math.nan)
        what = "infinite" if math.isinf(value) else "NaN"
        return f"{_NOT_FINITE[finding.symptom].format(what)} since step {finding.first_step:,}"
    if not finding.layers or finding.symptom not in STATE_OF:
        # It may name layers that it has to do with, but it is not in them that the loss is flat.
        return finding.title
    if finding.symptom is Symptom.NOT_IN_OPTIMIZER:
        return f"Parameters of {count} layers are in no optimizer"
    if finding.symptom is Symptom.EARLY_LAYERS_FROZEN:
        return f"{finding.title}: {count}"
    return f"{finding.title} in {count} layers"
