"""Statistics of sharded parameters: what one process has of them, and what all have together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from gradwidget.capture.stats.readback import Values
from gradwidget.capture.stats.tensor_stats import L2, PEAK
from gradwidget.frame import BoolArray

Statistics = Mapping[str, tuple[Values, BoolArray]]
"""By kind of reading: [statistics, parameters], and which of the parameters were read."""

HEIGHTS = {"gradients": 5, "raw": 1, "weights": 5, "changes": 1, "lost": 2}
"""How many statistics each kind of reading has."""


def packed(found: Statistics, numbers: Sequence[int], counted: BoolArray) -> Values:
    """The statistics of some parameters in one array.

    Args:
        found: of all parameters; a kind that is missing was not read.
        numbers: of the sharded ones.
        counted: for each of them, whether the part of this process is to be counted.

    Returns:
        Float64 [rows, numbers]: ``counted``, and of each kind whether it was read, and its values.
    """
    rows = [counted.astype(np.float64)[None]]
    for kind, height in HEIGHTS.items():
        block = np.zeros((1 + height, len(numbers)))
        if kind in found:
            values, are_read = found[kind]
            block[0], block[1:] = are_read[numbers], values[:, numbers]
        rows.append(block)
    return np.concatenate(rows)


class MergedStatistics:
    """The statistics of sharded parameters, of all parts together.

    Args:
        numbers: of the parameters.
        parts: what each process has packed of them.
        chosen: [processes, numbers]: whether its part is one of the copy that counts.

    Example:
        >>> found = {"changes": (np.array([[3.0]]), np.array([True]))}
        >>> other = {"changes": (np.array([[4.0]]), np.array([True]))}
        >>> counted = np.array([True])
        >>> parts = [packed(one, [0], counted) for one in (found, other)]
        >>> merged = MergedStatistics([0], parts, np.ones((2, 1), bool))
        >>> values, are_read = np.zeros((1, 1)), np.zeros(1, bool)
        >>> merged.fill("changes", values, are_read)
        >>> float(values[0, 0]), merged.lacking
        (5.0, [])
    """

    def __init__(self, numbers: Sequence[int], parts: Sequence[Values], chosen: BoolArray) -> None:
        self._numbers = list(numbers)
        self._found: dict[str, tuple[Values, BoolArray]] = {}
        stack = np.stack(parts)
        counted = chosen & (stack[:, 0] > 0)
        uneven = ~counted.any(0)
        start = 1
        for kind, height in HEIGHTS.items():
            block = stack[:, start : start + 1 + height]
            start += 1 + height
            are_read: BoolArray = block[:, 0] > 0
            uneven |= are_read.any(0) & (~are_read & counted).any(0)
            of_any: BoolArray = np.any(are_read, axis=0)
            self._found[kind] = _summed(block[:, 1:], counted, kind), of_any
        self.lacking = [self._numbers[place] for place in np.flatnonzero(uneven)]
        """Numbers of the parameters of which a process has not told its part."""

    def fill(self, kind: str, values: Values, are_read: BoolArray) -> None:
        """Puts the statistics of all parts in the place of those of one.

        Args:
            kind: one of ``HEIGHTS``.
            values: [statistics, parameters]; written to.
            are_read: [parameters]; written to.
        """
        found, read = self._found[kind]
        values[:, self._numbers], are_read[self._numbers] = found, read


@np.errstate(all="ignore")
def _summed(values: NDArray[np.float64], counted: BoolArray, kind: str) -> Values:
    """Adds up [processes, statistics, numbers]: norms by their squares; of peaks the largest."""
    chosen = np.where(counted[:, None], values, 0.0)
    total: Values = chosen.sum(0)
    if kind != "lost":  # which are counts alone
        total[L2] = np.sqrt((chosen[:, L2] ** 2).sum(0))
    if len(total) > PEAK:
        total[PEAK] = chosen[:, PEAK].max(0)
    return total
