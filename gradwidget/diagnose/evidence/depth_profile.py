"""The profile of the gradient over depth: how much of it arrives at each layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gradwidget.diagnose.evidence.paths import Floats, Paths
from gradwidget.wording import shown


@dataclass(frozen=True, slots=True)
class DepthProfile:
    """A statistic of each layer over that of the last layer on its way to the loss.

    All of it as medians of recent frames.
    """

    metric: str
    """Name of the statistic."""

    ratio: Floats
    """float64 [layers]: over the last layer that its output reaches; NaN where unknown."""

    ends: NDArray[np.intp]
    """Int [layers]: the number of that last layer, whose own ratio is 1."""

    paths: Paths
    """Which layers lie on the way to which."""

    @property
    def highest_before(self) -> Floats:
        """float64 [layers]: the highest ratio of each layer and of all that flow into it.

        Low only where nothing nearer the input gets more: a branch that a shortcut bypasses may get
        little although nothing is lost.
        """
        return self.paths.highest_before(self.ratio)

    @property
    def lowest_before(self) -> Floats:
        """float64 [layers]: the lowest nonzero ratio of each layer and of all that flow into it."""
        return self.paths.lowest_before(np.where(self.ratio > 0, self.ratio, np.nan))

    def steepest(self, layer: int, *, falling: bool) -> tuple[int, int, float]:
        """The neighbors between which most is lost, or gained, on the way back from the last layer.

        Args:
            layer: where the way back ends.
            falling: whether losses are looked for, or gains.

        Returns:
            Index of the layer nearer the input, index of the one nearer the output, and the factor
            between them; 1 where there are no two layers to compare.
        """
        known = self.way(layer)
        if known.size < 2:
            end = int(self.ends[layer])
            return end, end, 1.0
        logs = np.log(self.ratio[known])
        change = logs[1:] - logs[:-1] if falling else logs[:-1] - logs[1:]
        at = int(np.argmax(change))
        return int(known[at]), int(known[at + 1]), float(np.exp(change[at]))

    def each(self, layer: int) -> str:
        """What a layer's ratio is per layer on the way back to it, as a factor in words.

        Example:
            >>> paths = Paths(["a", "b", "c"], {})
            >>> profile_of("act_grad_rms", np.array([1e-4, 1e-2, 1.0]), paths).each(0)
            '÷ 100 a layer'
        """
        hops = max(1, self.way(layer).size - 1)
        change = float(np.log(self.ratio[layer])) / hops
        factor = float(np.exp(abs(change)))
        # Of very many layers each takes little.
        figure = shown(factor) if factor >= 2 else f"{factor:.3g}"
        return f"{'÷' if change < 0 else '×'} {figure} a layer"

    def way(self, layer: int) -> NDArray[np.intp]:
        """Numbers of the layers from this one to its last one, both among them, with a gradient."""
        between = self.paths.between(layer, int(self.ends[layer]))
        return np.flatnonzero((self.ratio > 0) & between)


def profile_of(metric: str, level: Floats, paths: Paths, *, final: bool = False) -> DepthProfile:
    """The profile of a statistic.

    Args:
        metric: its name.
        level: float64 [layers]: its present values, at least one of them above 0.
        paths: which layers lie on the way to which.
        final: as ``Paths.ends`` takes it.
    """
    ends = paths.ends(np.where(level > 0, level, np.nan), final=final)
    with np.errstate(invalid="ignore"):
        ratio = np.where(ends >= 0, level / level[ends], np.nan)
    return DepthProfile(metric, ratio, ends, paths)
