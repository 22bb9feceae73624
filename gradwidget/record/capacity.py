"""How many rows a history has room for: fewer where layers are many, to bound its memory."""

from __future__ import annotations

from typing import NamedTuple

from gradwidget.metrics import METRICS

FINE = 640
"""Rows kept one by one at most, before the oldest ones are summarized."""
FOLD = 128
"""Rows summarized at a time at most."""
COARSE = 640
"""Summaries kept at most, before neighbors are merged in pairs."""
START = 12
"""Rows of the run's start that are kept for good, as the measure of what came later."""
WHOLE = 64
"""Newest frames kept as they came at most."""

ROWS_BYTES = 56 * 2**20
"""What all rows of all metrics may take. Up to some 200 layers everything above fits."""
WHOLE_BYTES = 7 * 2**20
"""What the newest frames kept as they came may take."""

FINE_BYTES, COARSE_BYTES, START_BYTES = 5, 13, 4
"""Of one value of one layer: a float32, or three of them, and whether it was measured."""
LEAST_FINE, LEAST_COARSE = 24, 4
"""Rows without which there would be nothing to judge or to show; they fit up to 10,000 layers."""


class Room(NamedTuple):
    """Rows that there is room for."""

    fine: int
    """Single rows."""
    fold: int
    """Rows summarized at a time, a power of two."""
    coarse: int
    """Summaries."""
    whole: int
    """Frames kept as they came."""

    @property
    def kept(self) -> int:
        """Newest rows that are always there one by one."""
        return self.fine - self.fold


def room_for(layers: int) -> Room:
    """The rows that fit for this many layers, if every metric is measured.

    What is left of the bound after the start rows goes to single rows and summaries in equal parts.

    Example:
        >>> room_for(200)
        Room(fine=640, fold=128, coarse=586, whole=64)
        >>> room_for(10_000)
        Room(fine=24, fold=4, coarse=4, whole=5)
    """
    values = max(1, layers) * len(METRICS)
    left = ROWS_BYTES // values - START * START_BYTES
    fine = min(FINE, max(LEAST_FINE, left // (2 * FINE_BYTES)))
    coarse = min(COARSE, max(LEAST_COARSE, (left - fine * FINE_BYTES) // COARSE_BYTES))
    fold = 1 << (min(FOLD, fine // 5, coarse).bit_length() - 1)
    whole = min(WHOLE, max(1, WHOLE_BYTES // (values * FINE_BYTES)))
    return Room(fine, fold, coarse, whole)
