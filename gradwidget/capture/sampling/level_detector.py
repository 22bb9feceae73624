"""Compares each value of a signal with its usual level, for the price of almost nothing."""

from __future__ import annotations

import math
from enum import Enum

from gradwidget.capture.sampling.allowances import JUMP, MEMORY, NOTICEABLE, RISE

LEAST = 1 / MEMORY
"""What a value counts in the means of the values before it."""


class Level(Enum):
    """Where a value is, seen from the values before it."""

    USUAL = 0
    RISE = 1
    """Well above the noise."""
    JUMP = 2
    """Far above the usual size, or the first that is not finite."""


class LevelDetector:
    """Learns what is usual as it goes, and so reports the onset of something else, not all of it.

    Example:
        >>> detector = LevelDetector()
        >>> [detector.level(loss).name for loss in [1.0, 1.1] * 10 + [2.0, 50.0, math.nan]][-4:]
        ['USUAL', 'RISE', 'JUMP', 'JUMP']
    """

    def __init__(self) -> None:
        self._faint = math.inf
        self._was_finite = True
        # Three running means, written out, since they are added to at every step.
        self._mean = self._size = self._deviation = 0.0
        self._weight = self._weight_before = 1.0
        """What the next value counts, and what the latest has counted."""

    def level(self, value: float) -> Level:
        """The level of a value, which then counts as one of those before."""
        was_finite, self._was_finite = self._was_finite, math.isfinite(value)
        if not self._was_finite:
            return Level.JUMP if was_finite else Level.USUAL
        size, rise, weight = abs(value), value - self._mean, self._weight
        level = self._compare(size, rise)
        if self._faint == math.inf:
            self._faint = size / JUMP
        else:
            # From the second value on: the first is no deviation from anything.
            self._deviation += self._weight_before * (abs(rise) - self._deviation)
        self._mean += weight * rise
        self._size += weight * (size - self._size)
        self._weight_before = weight
        if weight > LEAST:
            # The first values count alike, as for ``RunningMean``.
            self._weight = max(weight / (1 + weight), LEAST)
        return level

    def _compare(self, size: float, rise: float) -> Level:
        # What is left of a loss that has almost vanished is all noise.
        if size <= self._faint:
            return Level.USUAL
        if size > JUMP * self._size:
            return Level.JUMP
        is_rise = size > NOTICEABLE * self._size and rise > RISE * self._deviation
        return Level.RISE if is_rise and self._weight_before == LEAST else Level.USUAL
