"""How far a step moves the network as a whole."""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.window import Floats, Window, median


def moves_of_the_network(window: Window) -> tuple[float, int]:
    """The median over layers of the change at a step over the weights' scale, and the index of the layer that has it.

    NaN and 0 where no change was measured. Layers with weight matrices only; the median, so that neither a head that
    starts at zero nor a few layers that hardly move speak for all.
    """
    moves = np.where(window.traits.matrices & window.trainable, window.moves, np.nan)
    known = np.flatnonzero(~np.isnan(moves))
    if not known.size:
        return float("nan"), 0
    middle = int(known[np.argsort(moves[known], kind="stable")[known.size // 2]])
    return float(moves[middle]), middle


def updates(window: Window, frames: int) -> Floats:
    """float64 [<=frames]: the same at each of the newest frames, oldest first."""
    among = window.traits.matrices & window.trainable
    size = window.history.recent(window.weight, frames)[:, among].astype(np.float64)
    change = window.history.recent("update_ratio", frames)[:, among] * size
    with np.errstate(invalid="ignore"):
        moves = change / np.fmax(size, window.weight_scale[among])
    return median(moves.T) if among.any() else np.full(len(moves), np.nan)
