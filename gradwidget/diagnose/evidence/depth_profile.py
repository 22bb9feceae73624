"""The gradient's profile over depth: how much of what reaches the last layer still reaches the
first ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Profile:
    """A statistic of each layer over that of the last layer, as the median of the newest frames."""

    metric: str
    """The statistic it is made of."""

    ratio: Floats
    """float64 [layers]: over the last measured layer; NaN where it is not known."""

    last: int
    """Index of the last measured layer, whose ratio is 1."""

    @property
    def first(self) -> int:
        """Index of the first layer whose ratio is known."""
        return int(np.argmax(~np.isnan(self.ratio)))

    @property
    def highest_before(self) -> Floats:
        """float64 [layers]: the highest ratio from the first layer up to each.

        Low only where nothing nearer the input gets more: a branch that a shortcut bypasses may get
            little without
        anything being lost.
        """
        return np.where(np.isnan(self.ratio), np.nan, np.fmax.accumulate(self.ratio))

    @property
    def lowest_before(self) -> Floats:
        """float64 [layers]: the lowest ratio other than 0 from the first layer up to each."""
        positive = np.where(self.ratio > 0, self.ratio, np.nan)
        return np.where(np.isnan(positive), np.nan, np.fmin.accumulate(positive))

    def steepest(self, *, falling: bool) -> tuple[int, int, float]:
        """The neighbours between which most is lost, or won, on the way from output to input.

        Returns:
            Index of the layer nearer the input, of its neighbour nearer the output, and the factor
            between them; 1 where there are no two layers to compare.
        """
        known = np.flatnonzero(self.ratio > 0)
        if known.size < 2:
            return self.last, self.last, 1.0
        logs = np.log(self.ratio[known])
        change = logs[1:] - logs[:-1] if falling else logs[:-1] - logs[1:]
        at = int(np.argmax(change))
        return int(known[at]), int(known[at + 1]), float(np.exp(change[at]))
