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

MOST = 8
"""Players of a game; what has more kinds of turns is none, as experts that are chosen by the data.
"""


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
    first_rows = ~np.isnan(window.history.start("grad_norm"))
    losses = window.history.recent_scalar("loss", RECENT)
    steps = window.history.recent_steps(RECENT)
    first_losses = window.history.start_scalar("loss")
    first_data = window.history.start_scalar("input_max_abs")
    found: list[Player] = []
    # Many times faster than numpy.unique by rows.
    kinds, first_kinds = _as_bytes(rows), _as_bytes(first_rows)
    newest = {kind: frame for frame, kind in enumerate(kinds) if rows[frame].any()}
    if not 1 < len(newest) <= MOST:
        return []
    for kind, frame in newest.items():
        turns = np.array([one == kind for one in kinds]) & np.isfinite(losses)
        first = np.array([one == kind for one in first_kinds])
        start, data = middle(first_losses[first]), middle(first_data[first][:FIRST])
        found.append(Player(rows[frame], start, data, turns, losses[turns], steps[turns]))
    return found


def where_it_leaves(
    window: Window, layers: BoolArray, theirs: BoolArray
) -> tuple[BoolArray, BoolArray]:
    """Bool [layers] twice: those whose output leaves for layers of others, and all that it reaches.

    Neither where the graph is not known. Where it was read in turns of others alone, that shows
    none of the player's layers: then the last that runs, and all of theirs.
    """
    ends, critic = np.zeros_like(layers), np.zeros_like(layers)
    if not window.paths.known:
        return ends, critic
    own = np.flatnonzero(layers)
    if not any(window.layers[number].name in window.wiring.feeds for number in own):
        ends[own[-1]] = True
        return ends, theirs
    for number in own:
        behind = window.paths.next[number]
        if theirs[behind].any() and not layers[behind].any():
            ends[number] = True
            critic |= window.paths.before[:, number] & theirs
    return ends, critic


def _as_bytes(rows: BoolArray) -> list[bytes]:
    return [row.tobytes() for row in np.packbits(rows, axis=1)]
