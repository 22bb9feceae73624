"""How far each step rotates the weights of the network as a whole."""

from __future__ import annotations

import math

import numpy as np

from gradwidget.diagnose.evidence.paths import Floats
from gradwidget.diagnose.evidence.window import Window, median
from gradwidget.record.history import RECENT

SAME_RATE = 2.0
"""Factor between two learning rates that are about the same, as along a schedule."""


def rotations(
    window: Window,
    frames: int,
    *,
    leaving: int = 0,
    of_start: bool = False,
    of_most: bool = False,
) -> Floats:
    """float64 [<=frames]: how far each of the newest steps rotated the weights, oldest first.

    That is the change of the weights over their scale, without the part that only changed their
    norm, which is the effect of weight decay and not of the learning rate (known once the next
    frame is). The median over the layers with weight matrices, so that neither a head
    that starts at zero nor a few layers that hardly move decide it; NaN where no change was
    measured.

    Args:
        window: the newest frames.
        frames: how many.
        leaving: how many of the newest of them are left out.
        of_start: divide by the initial scale, even where the weights have outgrown it: weights that
            a high learning rate has made very large hardly rotate any more.
        of_most: of the layer that each step rotated most, and not of the median layer.
    """
    among = window.traits.matrices & window.trainable
    steps = window.history.recent_steps(frames)
    count = len(steps) - leaving
    norms = window.history.recent(window.weight, frames)[: count + 1, among].astype(np.float64)
    change = window.history.recent("matrix_change", frames)[:count, among].astype(np.float64)
    norm, apart = norms[:count], steps[1 : count + 1] - steps[: len(norms) - 1]
    # Without the change of the norm, by Pythagoras; between frames far apart, a step's share of it.
    with np.errstate(invalid="ignore"):
        grown = (norms[1:] - norms[:-1]) / apart[:, None]
        grown[np.isnan(grown)] = 0.0
        followed = change[: len(grown)]
        followed[:] = np.sqrt(np.maximum(followed**2 - grown**2, 0.0))
        scale = window.weight_scale[among]
        moves = change / (scale if of_start else np.fmax(norm, scale))
    if of_most:
        highest: Floats = np.fmax.reduce(moves, axis=1, initial=math.nan)
        return highest
    return median(moves.T) if among.any() else np.full(len(moves), np.nan)


def first_rotation(window: Window, *, of_most: bool = False) -> float:
    """How far the first measured step under the present learning rate rotated the weights.

    Of their initial scale: what follows may be inflated, by gradients that a rate too high has made
    large, or small, since it has made the weights large. NaN where none was measured.

    Args:
        window: the newest frames.
        of_most: of the layer that it rotated most, and not of the median layer.
    """
    moves = rotations(window, RECENT, of_start=True, of_most=of_most)
    rates = window.history.recent_scalar("lr", RECENT)
    known_rates = rates[np.isfinite(rates)]
    since = 0
    if known_rates.size:
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.abs(np.log(rates / known_rates[-1]))
        others = np.flatnonzero(factor > math.log(SAME_RATE))
        since = int(others[-1]) + 1 if others.size else 0
    known = moves[since:][np.isfinite(moves[since:])]
    return float(known[0]) if known.size else math.nan
