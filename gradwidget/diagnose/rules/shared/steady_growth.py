"""Weights that a penalty drives up, or a decay of the wrong sign: all of them by one factor a step.

The gradient of a sum of squares is the same multiple of the weights in every layer at every step,
so their norms grow as an interest does. An error that is climbed grows faster and faster.
"""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom, is_driven
from gradwidget.record.history import RECENT

ALIKE = 1.1
"""Largest over smallest rate of growth, over layers and time, of what one factor drives."""
FAR = 5.0
"""Growth over which the rate must have stayed the same: even steps have then halved it."""
RUNS_ON = 0.99
"""Momentum from which weights grow as evenly by themselves: each step repeats those before it."""
LEAST = 9
"""Steps over which the growth must be seen, however few of them were measured."""


def steady_growth(window: Window) -> float | None:
    """The growth per step where that is one number in all layers; None where it is not.

    Of at least two layers, in both halves of the newest steps over which they have grown fivefold.
    Once such weights are found to have grown too large, what they then do to the steps may break
    the pace: it stays the one that was seen before.
    """
    if (found := window.active.get(Symptom.WEIGHTS_GROWING)) is not None and is_driven(found):
        return found.evidence["growth"]
    among = np.flatnonzero(window.trainable & window.traits.weighty)
    if len(among) < 2 or window.frame.scalars.get("momentum", 0.0) >= RUNS_ON:
        return None
    norms = window.history.recent(window.weight, RECENT)[:, among].astype(np.float64)
    steps = np.asarray(window.history.recent_steps(RECENT))
    known = (np.isfinite(norms) & (norms > 0)).all(axis=1)
    norms, steps = norms[known], steps[known]
    lower = np.flatnonzero((norms * FAR <= norms[-1:]).all(axis=1))
    if not lower.size or steps[-1] - steps[lower[-1]] < LEAST - 1:
        return None
    first, last = int(lower[-1]), len(norms) - 1
    half = first + int(np.argmin(np.abs(steps[first:] - (steps[first] + steps[last]) / 2)))
    if not first < half < last:
        return None
    ends = [first, half, last]
    rates = np.diff(np.log(norms[ends]), axis=0) / np.diff(steps[ends])[:, None]
    is_one = rates.min() > 0 and rates.max() < ALIKE * rates.min()
    return float(np.expm1(np.median(rates))) if is_one else None
