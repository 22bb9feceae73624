"""Whether the data comes sorted by class, as the targets of the batches show it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gradwidget.diagnose.evidence.paths import Floats
from gradwidget.diagnose.evidence.window import Window
from gradwidget.record.history import RECENT

MOSTLY = 0.75
"""Share of the batches that are of one class; those at the borders of classes are of two.

Also of those that go on with the last class of the one before, where the classes come in their
order: not the first of an epoch, nor where a batch has just ended with its class.
"""
EVERYWHERE = 0.75
"""Share of the batches that may have one class among theirs, from which on it is a common one: what
is rare beside it comes and goes."""
BORDERS = 6
"""Batches that go on to another class: fewer may be chance, as of recordings that meet so."""
STAYS = 0.5
"""Share of the steps from one batch of one class to the next that stay at this class.

In turns come those of a network that tells two kinds apart, or one recording after the other.
"""


Whole = NDArray[np.int64]
"""Steps."""


class SortedData(NamedTuple):
    """Batches of one class alone, or of a few, of others than the ones before."""

    share: float
    """Of the batches known: those of one class, or those that go on with that of the one before."""
    classes: int
    """How many different ones there were so far."""
    examples: tuple[tuple[tuple[int, int], int], tuple[tuple[int, int], int]]
    """Two batches, each with its lowest and highest class, and its step; older first.

    The newest of one class and the newest of another one. Where the classes come in their order,
    the newest that has gone on to another class and the one before.
    """
    is_in_order: bool
    """Whether batches of several classes are told by that order."""


def sorted_data(window: Window) -> SortedData | None:
    """The order of the classes, as the batches show it; None where only one class was ever seen."""
    history = window.history
    counts = history.recent_scalar("target_classes", RECENT)
    known = np.isfinite(counts)
    if known.sum() < window.limits.window or window.age < window.limits.lasting_steps:
        return None
    only, low, high = (
        history.recent_scalar(name, RECENT)
        for name in ("target_class", "target_class_min", "target_class_max")
    )
    steps = history.recent_steps(RECENT)
    return _of_one_each(steps, only, int(known.sum())) or _in_order(
        steps, np.fmax(low, only), np.fmax(high, only)
    )


def _of_one_each(steps: Whole, only: Floats, known: int) -> SortedData | None:
    """Batches of one class each.

    Args:
        steps: of the newest frames.
        only: the class of each that has one alone; else NaN.
        known: of how many the classes are known.
    """
    is_single = np.isfinite(only)
    share = float(is_single.sum() / known)
    steps, only = steps[is_single], only[is_single]
    if share < MOSTLY or (only == only[-1]).all():
        return None
    stays = (np.diff(only) == 0)[np.diff(steps) == 1]
    if not stays.size or stays.mean() <= STAYS:
        return None
    other = np.flatnonzero(only != only[-1])[-1]
    older, newest = (((int(only[i]), int(only[i])), int(steps[i])) for i in (other, -1))
    return SortedData(share, len(np.unique(only)), (older, newest), is_in_order=False)


def _in_order(steps: Whole, low: Floats, high: Floats) -> SortedData | None:
    """Batches each of which begins with the class that the one before has ended with.

    So it is with data that is sorted by the number of the class, however many a batch has. Drawn at
    random, nearly every batch has the most common class.

    Args:
        steps: of the newest frames.
        low: the lowest class of each; NaN where it is not known.
        high: the highest.
    """
    follows = np.flatnonzero((np.diff(steps) == 1) & np.isfinite(low[1:] + high[:-1]))
    goes_on = low[follows + 1] == high[follows]
    borders = follows[goes_on & (low[follows] < high[follows + 1])]
    if len(borders) < BORDERS or not goes_on.mean() >= MOSTLY:
        return None
    low_known, high_known = low[np.isfinite(low)], high[np.isfinite(high)]
    classes = np.unique([low_known, high_known])
    shares = [((low_known <= one) & (one <= high_known)).mean() for one in classes]
    if max(shares) >= EVERYWHERE:
        return None
    last = int(borders[-1])
    older, newest = (((int(low[i]), int(high[i])), int(steps[i])) for i in (last, last + 1))
    return SortedData(float(goes_on.mean()), len(classes), (older, newest), is_in_order=True)
