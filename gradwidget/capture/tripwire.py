"""Looks at every step for the price of almost nothing, and says when one looks wrong."""

from __future__ import annotations

import math

JUMP = 10.0
"""How many times its usual size makes a figure suspicious."""
MEMORY = 0.9
"""Weight of the past, a step, in the usual size."""


class Tripwire:
    """Remembers what was usual and speaks up at the onset of something else, not again while it lasts.

    Example:
        >>> tripwire = Tripwire()
        >>> [tripwire.trips(value) for value in (1.0, 1.1, 50.0, float("nan"), float("nan"))]
        [False, False, True, True, False]
    """

    def __init__(self) -> None:
        self._usual = math.nan
        self._was_finite = True

    def trips(self, value: float) -> bool:
        """Whether ``value`` is the first non-finite one, or far above the usual size."""
        if not math.isfinite(value):
            tripped, self._was_finite = self._was_finite, False
            return tripped
        self._was_finite = True
        size = abs(value)
        tripped = size > JUMP * self._usual
        # A new level is the usual one soon, so that a loss which has risen for good does not trip for ever.
        self._usual = size if math.isnan(self._usual) else MEMORY * self._usual + (1 - MEMORY) * size
        return tripped
