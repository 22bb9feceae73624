"""Networks that are trained in turns, each with an optimizer of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradwidget.diagnose.evidence.paths import Floats
from gradwidget.diagnose.evidence.window import Window, middle
from gradwidget.frame import BoolArray
from gradwidget.record.history import RECENT

FIRST = 3
"""Turns of a player that show the data, before what other players give has changed."""


@dataclass(frozen=True, slots=True)
class Player:
    """What one of the optimizers trains, and the loss that it has in its turns."""

    layers: BoolArray
    """Bool [layers]: those that it trains."""

    start: float
    """Its loss in the first frames; NaN where that is not known."""

    data: float
    """The largest entry of the data that entered in its first turns; NaN where not known."""

    turns: BoolArray
    """Bool [<=512]: which of the newest frames are its turns with a finite loss, oldest first."""

    losses: Floats
    """float64: its loss in those."""

    steps: NDArray[np.int64]
    """Their steps."""


def players(window: Window) -> list[Player]:
    """All whose turns are among the newest frames; none where networks do not take turns."""
    if len(window.wiring.optimizers) < 2 or "grad_norm" not in window.history:
        return []
    rows = ~np.isnan(window.history.recent("grad_norm", RECENT))
    losses = window.history.recent_scalar("loss", RECENT)
    steps = window.history.recent_steps(RECENT)
    first_rows = ~np.isnan(window.history.start("grad_norm"))
    first_losses = window.history.start_scalar("loss")
    first_data = window.history.start_scalar("input_max_abs")
    found = []
    for layers in np.unique(rows[rows.any(axis=1)], axis=0):
        turns = (rows == layers).all(axis=1) & np.isfinite(losses)
        first = (first_rows == layers).all(axis=1)
        start, data = middle(first_losses[first]), middle(first_data[first][:FIRST])
        found.append(Player(layers, start, data, turns, losses[turns], steps[turns]))
    return found if len(found) > 1 else []
