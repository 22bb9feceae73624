"""Where the data have changed: the loss leaps although the weights have hardly moved.

What follows is a start of its own, large gradients and all, at a rate that worked before.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradwidget.diagnose.evidence.paths import Floats
from gradwidget.diagnose.evidence.weight_rotation import SAME_RATE, rotations
from gradwidget.diagnose.evidence.window import Window
from gradwidget.frame import BoolArray

LEAP = 3.0
"""Times by which the loss is above that of the frame before: noise makes less of it."""

SMALL = 0.2
"""Share of the bound for large updates that those before a leap are below."""


def after_leaps(window: Window, frames: int) -> BoolArray:
    """Bool [<=frames]: which of the newest frames, oldest first, are soon after such a leap.

    For twice the window, as long as the first steps of a run are given.
    """
    losses = window.history.recent_scalar("loss", frames).astype(np.float64)
    rates = window.history.recent_scalar("lr", frames).astype(np.float64)
    moves = rotations(window, frames)
    start, small = abs(window.start_loss), SMALL * window.limits.update_high
    found = np.zeros(len(losses), np.bool_)
    for number in _rises(losses, window.limits.unstable_rise * start):
        before = number - 1
        if (
            losses[number] > LEAP * abs(losses[before])
            and moves[before] < small
            and not rates[number] > SAME_RATE * rates[before]
        ):
            found[number : number + 2 * window.limits.window] = True
    return found


def _rises(losses: Floats, least: float) -> NDArray[np.intp]:
    """The frames whose loss is above that of the frame before by so much."""
    with np.errstate(invalid="ignore"):
        return np.flatnonzero(np.diff(losses) > least) + 1
