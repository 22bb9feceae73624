"""Compares each value of a signal with its usual level, for the price of almost nothing."""

from __future__ import annotations

import math
from enum import Enum

from gradwidget.capture.sampling.allowances import JUMP, MEMORY, NOTICEABLE, RISE


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
        self._seen = 0
        self._faint = 0.0
        self._mean = 0.0
        self._size = 0.0
        self._deviation = 0.0
        self._was_finite = True

    def level(self, value: float) -> Level:
        """The level of a value, which then counts as one of those before."""
        was_finite, self._was_finite = self._was_finite, math.isfinite(value)
        if not self._was_finite:
            return Level.JUMP if was_finite else Level.USUAL
        if not self._seen:
            self._faint = abs(value) / JUMP
            self._mean, self._size = value, abs(value)
        # The first values count alike: a mean that began at one of them would take long to forget.
        memory = min(MEMORY, self._seen / (self._seen + 1))
        level = self._compare(value, is_learned=memory == MEMORY)
        self._deviation = memory * self._deviation + (1 - memory) * abs(value - self._mean)
        self._mean = memory * self._mean + (1 - memory) * value
        self._size = memory * self._size + (1 - memory) * abs(value)
        self._seen += 1
        return level

    def _compare(self, value: float, *, is_learned: bool) -> Level:
        # What is left of a loss that has almost vanished is all noise.
        if abs(value) <= self._faint:
            return Level.USUAL
        if abs(value) > JUMP * self._size:
            return Level.JUMP
        bound = max(RISE * self._deviation, NOTICEABLE * abs(self._mean))
        return Level.RISE if is_learned and value - self._mean > bound else Level.USUAL
