"""A player of a game whose opponent does not resist: their losses fall together, without bound."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from gradwidget.diagnose.evidence.paths import Floats
from gradwidget.diagnose.evidence.window import Window, middle
from gradwidget.diagnose.rules.shared.large_outputs import LARGE
from gradwidget.diagnose.rules.shared.players import Player, players, where_it_leaves
from gradwidget.frame import BoolArray
from gradwidget.record.history import RECENT

BEYOND = 3.0
"""RMS of outputs over the largest entry of the data, from which they do not come to its scale."""

LEAST = 6
"""Turns over which all of it has to be seen; a player that has one turn in six is seen seldom."""

PARTS = 3
"""Of these turns, each of which lies further than the one before."""


class Pulled(NamedTuple):
    """A player that is pulled along, and by how much."""

    player: Player
    critic: BoolArray
    """Bool [layers]: those of another player that its outputs flow into."""

    loss: float
    fallen: float
    """Fall of its loss, over its start or 1."""

    outputs: tuple[float, float]
    """RMS of its outputs at the start and now."""

    since: int
    """The step since which its loss has been below its start."""


def pulled_along(window: Window, *, still: bool) -> Pulled | None:
    """The first such player; None where there is none.

    Its outputs flow into layers that another player trains. Its loss falls without bound, its
    outputs grow without bound and far beyond the data, and no other player's loss rises meanwhile:
    in a game each would win at the cost of another.

    Args:
        window: the newest frames.
        still: whether it was so before: then it is as long as loss and outputs stay that far away.
    """
    among = players(window)
    for player in among:
        found = _pulled(window, player, among, still=still)
        if found is not None:
            return found
    return None


def _pulled(window: Window, player: Player, among: list[Player], *, still: bool) -> Pulled | None:
    bound = window.limits.bottomless
    if len(player.losses) < LEAST:
        return None
    losses = _parts(player.losses[-LEAST:])
    fallen = (player.start - losses[-1]) / max(abs(player.start), 1.0)
    if not (fallen > bound and losses[-1] < 0 and (still or _falls(losses))):
        return None
    others = [one for one in among if one is not player]
    theirs = np.logical_or.reduce([one.layers for one in others]) & ~player.layers
    ends, critic = where_it_leaves(window, player.layers, theirs)
    if not ends.any():
        return None
    sizes = window.history.recent("act_rms", RECENT)[player.turns][-LEAST:, ends].max(axis=1)
    outputs, start = _parts(sizes), float(np.max(window.start("act_rms")[ends], initial=0.0))
    data = max((one.data for one in others if np.isfinite(one.data)), default=0.0)
    if not (
        outputs[-1] > max(LARGE, bound * start, BEYOND * data) and (still or _falls(outputs[::-1]))
    ):
        return None
    since = player.steps[-LEAST]
    for other in others if not still else ():
        meanwhile = other.losses[other.steps >= since]
        if len(meanwhile) < PARTS or not _never_rises(_parts(meanwhile)):
            return None
    high = np.flatnonzero(player.losses > player.start - max(abs(player.start), 1.0))
    first = min(int(high[-1]) + 1 if high.size else 0, len(player.steps) - 1)
    return Pulled(
        player, critic, losses[-1], fallen, (start, outputs[-1]), int(player.steps[first])
    )


def _parts(values: Floats) -> list[float]:
    return [middle(part) for part in np.array_split(values, PARTS)]


def _falls(parts: list[float]) -> bool:
    return all(after < before for before, after in pairwise(parts))


def _never_rises(parts: list[float]) -> bool:
    return all(after <= before for before, after in pairwise(parts))
