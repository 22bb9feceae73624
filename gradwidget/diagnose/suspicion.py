"""Whether a single frame looks as if something had begun, so that the next steps are worth measuring in full.

A sampled run of quick steps has a frame in a hundred; no rule makes a finding of one. This asks for more.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.window import Floats, Window

FOLLOW = 12
"""Steps to measure in full: as many as the slowest of the rules on states needs to be sure."""
GRANTS = 3
"""Times that the same suspicion is followed before it is left to the ordinary samples."""


class Suspicion:
    """Remembers what was followed already."""

    def __init__(self) -> None:
        self._before: set[Symptom] = set()
        self._grants: dict[Symptom, int] = {}

    def steps_wanted(self, window: Window, *, apart: bool) -> int:
        """How many of the next steps should be measured in full.

        Args:
            window: the newest frames.
            apart: whether steps went unmeasured before the newest frame.
        """
        now = {symptom for symptom in suspects(window) if symptom not in window.active}
        fresh = now if apart else now - self._before
        self._before = now
        granted = {symptom for symptom in fresh if self._grants.get(symptom, 0) < GRANTS}
        for symptom in granted:
            self._grants[symptom] = self._grants.get(symptom, 0) + 1
        return FOLLOW if granted else 0


def suspects(window: Window) -> Iterator[Symptom]:
    """The symptoms that the newest frame by itself would have."""
    limits = window.limits
    profile = _profile(window)
    if profile is not None:
        if profile[0] < limits.vanishing_ratio:
            yield Symptom.VANISHING_GRADIENTS
        elif profile[0] > limits.exploding_ratio:
            yield Symptom.EXPLODING_GRADIENTS
    if _any(_now(window, "act_dead_fraction") > limits.dead_share):
        yield Symptom.DEAD_RELU
    if _any(_now(window, "act_saturated_fraction") > limits.saturated_share):
        yield Symptom.SATURATED
    weights = _now(window, window.weight)
    if _any(weights > limits.growth * window.weight_scale):
        yield Symptom.WEIGHTS_GROWING
    if _any(weights < limits.shrinkage * window.first_weight_norm):
        yield Symptom.WEIGHTS_SHRINKING
    if np.median(np.nan_to_num(_now(window, "update_ratio"))) > limits.update_high:
        yield Symptom.LR_TOO_HIGH


def _now(window: Window, metric: str) -> Floats:
    """float64 [layers]: the newest frame's values; NaN where there are none."""
    newest: Floats = window.history.recent(metric, 1)[0].astype(np.float64)
    return newest


def _profile(window: Window) -> Floats | None:
    """The known activation gradients of the newest frame over that of the last layer; None where there are too few."""
    values = _now(window, "act_grad_rms")
    values = values[np.isfinite(values)]
    if len(values) < window.limits.minimum_chain or not values[-1] > 0:
        return None
    ratio: Floats = values / values[-1]
    return ratio


def _any(holds: NDArray[np.bool_]) -> bool:
    return bool(np.any(holds))
