"""Compares each value of a signal with its usual level, for the price of almost nothing."""

from __future__ import annotations

import math
from enum import Enum

from gradwidget.capture.sampling.allowances import JUMP, MEMORY, NOTICEABLE, RISE
from gradwidget.capture.sampling.running_mean import RunningMean


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
        self._mean = RunningMean(MEMORY)
        self._size = RunningMean(MEMORY)
        self._deviation = RunningMean(MEMORY)
        self._was_finite = True

    def level(self, value: float) -> Level:
        """The level of a value, which then counts as one of those before."""
        was_finite, self._was_finite = self._was_finite, math.isfinite(value)
        if not self._was_finite:
            return Level.JUMP if was_finite else Level.USUAL
        size, rise = abs(value), value - self._mean.value
        level, is_rise = Level.USUAL, rise > RISE * self._deviation.value
        # What is left of a loss that has almost vanished is all noise.
        if size > max(self._faint, JUMP * self._size.value):
            level = Level.JUMP
        elif is_rise and size > max(self._faint, NOTICEABLE * self._size.value):
            level = Level.RISE if self._deviation.is_settled else Level.USUAL
        if math.isinf(self._faint):
            self._faint = size / JUMP
        else:
            self._deviation.add(abs(rise))
        self._mean.add(value)
        self._size.add(size)
        return level
