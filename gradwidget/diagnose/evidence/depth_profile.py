"""The profile of the gradient over depth: how much of it arrives at each layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DepthProfile:
    """A statistic of each layer divided by that of the last layer, as medians of recent frames."""

    metric: str
    """Name of the statistic."""

    ratio: Floats
    """float64 [layers]: over the last measured layer; NaN where unknown."""

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
        little although nothing is lost.
        """
        return np.where(np.isnan(self.ratio), np.nan, np.fmax.accumulate(self.ratio))

    @property
    def lowest_before(self) -> Floats:
        """float64 [layers]: the lowest nonzero ratio from the first layer up to each."""
        positive = np.where(self.ratio > 0, self.ratio, np.nan)
        return np.where(np.isnan(positive), np.nan, np.fmin.accumulate(positive))

    def steepest(self, *, falling: bool) -> tuple[int, int, float]:
        """The neighbors between which most is lost, or gained, on the way from output to input.

        Returns:
            Index of the layer nearer the input, index of the one nearer the output, and the factor
            between them; 1 where there are no two layers to compare.
        """
        known = np.flatnonzero(self.ratio > 0)
        if known.size < 2:
            return self.last, self.last, 1.0
        logs = np.log(self.ratio[known])
        change = logs[1:] - logs[:-1] if falling else logs[:-1] - logs[1:]
        at = int(np.argmax(change))
        return int(known[at]), int(known[at + 1]), float(np.exp(change[at]))
