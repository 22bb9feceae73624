"""Brings figures of parameters together to figures of layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gradwidget.capture.meter import L1, L2, NONFINITE, NONZERO, PEAK
from gradwidget.capture.readback import Fetch, Figures
from gradwidget.frame import BoolArray

Numbers = NDArray[np.intp]


class Column(NamedTuple):
    """One metric: a value a layer, and for which layers it was measured."""

    values: Figures
    measured: BoolArray

    def over(self, divisor: Figures) -> Column:
        """The values divided."""
        return Column(self.values / divisor, self.measured)


class PerLayer:
    """Who owns what.

    Args:
        rows: number of layers.
        numbers: a parameter's number for each pair of parameter and layer.
        owners: the layer's row for each pair.
        sizes: entries of each parameter, 0 where unknown.
    """

    def __init__(self, rows: int, numbers: Numbers, owners: Numbers, sizes: Figures) -> None:
        self._rows, self._numbers, self._owners, self._sizes = rows, numbers, owners, sizes

    def total(self, values: Figures, read: BoolArray) -> Column:
        """Sum over a layer's parameters that were read."""
        numbers, owners = self._pairs(read)
        return self._column(np.bincount(owners, values[numbers], minlength=self._rows).astype(np.float64), owners)

    def norm(self, norms: Figures, read: BoolArray) -> Column:
        """Norm over all of a layer's parameters that were read, of their norms."""
        squares, measured = self.total(norms**2, read)
        return Column(np.sqrt(squares), measured)

    def ratio(self, above: Figures, below: Figures, read: BoolArray) -> Column:
        """Norm over norm; not measured where that below is 0."""
        norm, measured = self.norm(above, read)
        over = self.norm(below, read).values
        measured = measured & (over != 0)
        return Column(np.where(measured, norm / over, np.nan), measured)

    def largest(self, values: Figures, read: BoolArray) -> Column:
        """Largest over a layer's parameters that were read; NaN if any is."""
        numbers, owners = self._pairs(read)
        result = np.zeros(self._rows)
        np.maximum.at(result, owners, values[numbers])
        return self._column(result, owners)

    def lacking(self, held: BoolArray, read: BoolArray) -> Column:
        """1 for layers of which parameters are held and none was read, 0 for the others that are held."""
        _, holding = self._pairs(held)
        _, fed = self._pairs(read)
        result = np.ones(self._rows)
        result[fed] = 0
        return self._column(result, holding)

    def gradient_columns(self, figures: Figures, read: BoolArray) -> dict[str, Column]:
        """Every gradient metric, of figures [5, parameters] as ``measure`` gives them."""
        sizes = self.total(self._sizes, read).values
        norm = self.norm(figures[L2], read)
        return {
            "grad_norm": norm,
            "grad_rms": norm.over(np.sqrt(sizes)),
            "grad_mean_abs": self.total(figures[L1], read).over(sizes),
            "grad_max_abs": self.largest(figures[PEAK], read),
            "grad_zero_fraction": self.total(self._sizes - figures[NONZERO], read).over(sizes),
            "grad_nonfinite": self.total(figures[NONFINITE], read),
        }

    def weight_columns(self, figures: Figures, read: BoolArray, matrices: BoolArray) -> dict[str, Column]:
        """Every weight metric; ``matrices`` tells the parameters of two or more dimensions."""
        return {
            "weight_norm": self.norm(figures[L2], read),
            # Without biases, which may be of any size: what a layer passes on depends on its matrices.
            "matrix_norm": self.norm(figures[L2], read & matrices),
            "weight_max_abs": self.largest(figures[PEAK], read),
            "weight_nonfinite": self.total(figures[NONFINITE], read),
        }

    def _pairs(self, read: BoolArray) -> tuple[Numbers, Numbers]:
        chosen = read[self._numbers]
        return self._numbers[chosen], self._owners[chosen]

    def _column(self, values: Figures, owners: Numbers) -> Column:
        measured = np.zeros(self._rows, np.bool_)
        measured[owners] = True
        values[~measured] = np.nan
        return Column(values, measured)


class Reading(NamedTuple):
    """Figures of some parameters, on their way from the device."""

    numbers: list[int]
    fetch: Fetch


def joined(readings: Sequence[Reading], height: int, count: int) -> tuple[Figures, BoolArray]:
    """The figures [height, count] of all readings, and which parameters were read."""
    figures = np.zeros((height, count))
    read = np.zeros(count, np.bool_)
    for numbers, fetch in readings:
        if numbers:
            figures[:, numbers] = fetch()
            read[numbers] = True
    return figures, read


def flags(numbers: Sequence[int], count: int) -> BoolArray:
    """Bool array [count] that is True at ``numbers``."""
    result = np.zeros(count, np.bool_)
    result[list(numbers)] = True
    return result
