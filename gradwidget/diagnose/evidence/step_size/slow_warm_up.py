"""A warm-up that was meant for every step and goes on once an epoch only."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gradwidget.diagnose.evidence.window import Window

LOW = 0.2
"""Share of the peak below which a rate has got nowhere near it."""
AS_BEFORE = 0.5
"""Share of the frames with the same rate as the one before: most steps change nothing."""
EPOCH = 20
"""Steps that an epoch has at least."""
LONGEST = 50
"""Epochs that a warm-up is meant to last at most."""


class SlowWarmUp(NamedTuple):
    """What a schedule has made of the learning rate so far."""

    share: float
    """Of the peak, that the rate has reached."""
    peak: float
    steps: int
    """Steps between two changes of the rate."""


def slow_warm_up(window: Window) -> SlowWarmUp | None:
    """A rate that rises in stairs, of which it takes far too many; None where it does not.

    One that rises at every step, or by epochs of which there are at most ``LONGEST``, is as it
    should be, and so is one before its first change: what follows is not known then.
    """
    peak = window.frame.scalars.get("lr_peak", 0.0)
    steps, rates = window.history.series("lr")
    known = np.isfinite(rates)
    steps, rates = steps[known], rates[known]
    if len(rates) < 2 or not rates[0] <= rates.max() == rates[-1] < LOW * peak:
        return None
    rises = np.diff(rates) > 0
    stairs = int(np.count_nonzero(rises))
    if not stairs or np.mean(~rises) < AS_BEFORE:
        return None
    reached = (rates[-1] - rates[0]) / (peak - rates[0])
    between = round(float(steps[1:][rises][-1] - steps[0]) / stairs)
    if between < EPOCH or LONGEST * reached >= stairs:
        return None
    return SlowWarmUp(float(rates[-1]) / peak, float(peak), between)
