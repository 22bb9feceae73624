"""Whether the data comes sorted by class, as the targets of the batches show it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.record.history import RECENT

MOSTLY = 0.75
"""Share of the batches that are of one class; those at the borders of classes are of two."""
STAYS = 0.5
"""Share of the steps from one batch of one class to the next that stay at this class.

In turns come those of a network that tells two kinds apart, or one recording after the other.
"""


class SortedData(NamedTuple):
    """Batches of one class alone, of others than the ones before."""

    share: float
    """Of the batches known."""
    classes: int
    """How many different ones there were so far."""
    examples: tuple[tuple[int, int], tuple[int, int]]
    """The newest such batch and the newest of another class, each with its step; older first."""


def sorted_data(window: Window) -> SortedData | None:
    """The batches of one class, where nearly all are; None where only one class was ever seen."""
    counts = window.history.recent_scalar("target_classes", RECENT)
    known = np.isfinite(counts)
    if known.sum() < window.limits.window or window.age < window.limits.lasting_steps:
        return None
    only = window.history.recent_scalar("target_class", RECENT)
    steps = window.history.recent_steps(RECENT)
    is_single = np.isfinite(only)
    share = float(is_single.sum() / known.sum())
    steps, only = steps[is_single], only[is_single].astype(int)
    if share < MOSTLY or (only == only[-1]).all():
        return None
    stays = (np.diff(only) == 0)[np.diff(steps) == 1]
    if not stays.size or stays.mean() <= STAYS:
        return None
    other = np.flatnonzero(only != only[-1])[-1]
    older, newest = ((int(only[i]), int(steps[i])) for i in (other, -1))
    return SortedData(share, len(np.unique(only)), (older, newest))
