"""The headline: how the run is doing, in one line."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gradwidget.diagnose.finding import Finding, Symptom
from gradwidget.diagnose.summary.layer_state import LayerState


def verdict(findings: Sequence[Finding], states: Sequence[LayerState]) -> str:
    """One line such as ``"Vanishing gradients in 5 of 14 layers"``.

    Args:
        findings: as ``Engine.findings`` gives them.
        states: of every layer; empty before the first frame.

    Example:
        >>> verdict([], ()), verdict([], (LayerState.OK,))
        ('Waiting for the first step', 'Healthy')
    """
    if not states:
        return "Waiting for the first step"
    active = [finding for finding in findings if finding.active]
    if active:
        more = len(active) - 1
        rest = f" (and {more} more finding{'s' if more > 1 else ''})" if more else ""
        return _headline(active[0], len(states)) + rest
    watched = [state for state in states if state is not LayerState.NOT_TRAINABLE]
    if watched and all(state is LayerState.NOT_MEASURED for state in watched):
        return "No gradient measured yet"
    missing = sum(state is LayerState.NO_GRADIENT for state in watched)
    if missing:
        return f"No gradient in {missing} of {len(states)} layers at this step"
    return "Healthy"


def _headline(finding: Finding, layers: int) -> str:
    since = f"since step {finding.first_step:,}"
    if finding.symptom is Symptom.LOSS_NONFINITE:
        value = "NaN" if math.isnan(finding.evidence.get("value", 0.0)) else "infinite"
        return f"Loss has been {value} {since}"
    if finding.symptom is Symptom.GRADIENTS_NONFINITE:
        return f"Gradients have been NaN or Inf {since}"
    if finding.symptom is Symptom.WEIGHTS_NONFINITE:
        return f"Weights have been NaN or Inf {since}"
    if not finding.layers:
        return finding.title
    return f"{finding.title} in {len(finding.layers)} of {layers} layers"
