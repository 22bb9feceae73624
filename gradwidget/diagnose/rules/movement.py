"""How far a step moves the network as a whole."""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.depth_profile import Floats
from gradwidget.diagnose.evidence.window import Window, median


def turns(window: Window, frames: int, *, of_start: bool = False) -> Floats:
    """float64 [<=frames]: how far each of the newest steps turned the weights, over their scale,
    oldest first.

    The median over the layers with weight matrices, so that neither a head that starts at zero nor
    a few layers that hardly move speak for all; NaN where no change was measured. What a step did
    to the weights' size alone is taken out where the next step was measured too: that is the work
    of weight decay, not of the learning rate.

    Args:
        window: the newest frames.
        frames: how many.
        of_start: measured in the scale of the start alone, also where the weights have outgrown it
            since: weights that a high rate has blown up hardly turn any more.
    """
    among = window.traits.matrices & window.trainable
    norm = window.history.recent(window.weight, frames)[:, among].astype(np.float64)
    change = window.history.recent("matrix_change", frames)[:, among].astype(np.float64)
    in_a_row = np.diff(window.history.recent_steps(frames)) == 1
    with np.errstate(invalid="ignore"):
        grown = np.where(in_a_row[:, None], np.diff(norm, axis=0), 0.0)
        change[:-1] = np.sqrt(np.maximum(change[:-1] ** 2 - np.nan_to_num(grown) ** 2, 0.0))
        scale = window.weight_scale[among]
        moves = change / (scale if of_start else np.fmax(norm, scale))
    return median(moves.T) if among.any() else np.full(len(moves), np.nan)
