"""Looks at every step for the price of almost nothing, and says when one looks wrong."""

from __future__ import annotations

import math

JUMP = 10.0
"""How many times its usual size makes a figure suspicious."""
MEMORY = 0.9
"""Weight of the past, a step, in the usual size."""
FAINT = 0.1
"""Share of its first size below which no figure is suspicious: what is left of a loss that has gone
is all noise."""


class JumpDetector:
    """Remembers what was usual and speaks up at the onset of something else, not again while it
    lasts.

    Example:
        >>> tripwire = JumpDetector()
        >>> [tripwire.trips(value) for value in (1.0, 1.1, 50.0, float("nan"), float("nan"))]
        [False, False, True, True, False]
    """

    def __init__(self) -> None:
        self._faint = math.nan
        self._usual = math.nan
        self._was_finite = True

    def trips(self, value: float) -> bool:
        """Whether ``value`` is the first non-finite one, or far above the usual size."""
        if not math.isfinite(value):
            tripped, self._was_finite = self._was_finite, False
            return tripped
        self._was_finite = True
        size = abs(value)
        tripped = size > JUMP * self._usual and size > self._faint
        if math.isnan(self._faint):
            self._faint = FAINT * size
        # A new level is the usual one soon, so that a loss which has risen for good does not trip
        # for ever.
        self._usual = (
            size if math.isnan(self._usual) else MEMORY * self._usual + (1 - MEMORY) * size
        )
        return tripped


SPREAD = 6.0
"""How many times its usual deviation a rise makes a figure surprising."""
NOTICEABLE = 0.2
"""Share of its size below which no rise is."""
LEARNING = 10
"""Values before which nothing is surprising."""


class RiseDetector:
    """Speaks up when a figure rises far out of its own noise: a finer sense than ``JumpDetector``'s,
    for the loss.

    Example:
        >>> surprise = RiseDetector()
        >>> [surprise.trips(value) for value in [1.0, 1.1] * 10 + [2.0]][-2:]
        [False, True]
    """

    def __init__(self) -> None:
        self._seen = 0
        self._faint = 0.0
        self._usual = 0.0
        self._deviation = 0.0

    def trips(self, value: float) -> bool:
        """Whether ``value`` lies far above what the values before it would suggest."""
        if not math.isfinite(value):
            return False
        rise = value - self._usual
        if not self._seen:
            self._faint = FAINT * abs(value)
        far = rise > max(SPREAD * self._deviation, NOTICEABLE * abs(self._usual))
        tripped = self._seen >= LEARNING and far and abs(value) > self._faint
        # The first values count by themselves: a mean that began at 0 would take long to forget it.
        memory = min(MEMORY, self._seen / (self._seen + 1))
        self._deviation = memory * self._deviation + (1 - memory) * (
            abs(rise) if self._seen else 0.0
        )
        self._usual = memory * self._usual + (1 - memory) * value
        self._seen += 1
        return tripped
