"""Combines statistics of parameters into statistics of layers."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gradwidget.capture.stats import output_stats
from gradwidget.capture.stats.readback import Values
from gradwidget.capture.stats.tensor_stats import L1, L2, NONFINITE, NONZERO, PEAK
from gradwidget.frame import BoolArray

Numbers = NDArray[np.intp]


class Column(NamedTuple):
    """One metric: a value per layer, and for which layers it was measured."""

    values: Values
    measured: BoolArray

    def over(self, divisor: Values) -> Column:
        """The values divided."""
        return Column(self.values / divisor, self.measured)


class Selection(NamedTuple):
    """The pairs of parameters that were read and the layers that own them."""

    read: BoolArray
    numbers: Numbers
    layer_rows: Numbers
    measured: BoolArray
    """Which layers own any."""
    unmeasured: BoolArray


class PerLayer:
    """Which layers own which parameters (or outputs), and sums and norms over these.

    Args:
        rows: number of layers.
        numbers: a parameter's number for each pair of parameter and layer.
        layer_rows: the layer's row for each pair.
        sizes: entries of each parameter, 0 where unknown.
    """

    def __init__(self, rows: int, numbers: Numbers, layer_rows: Numbers, sizes: Values) -> None:
        self._rows, self._numbers, self._layer_rows, self._sizes = rows, numbers, layer_rows, sizes
        self._last: Selection | None = None

    def without(self, numbers: Collection[int]) -> PerLayer:
        """The same without the layers that own any of these: a part of a layer stands for nothing.

        Args:
            numbers: of parameters that could not be read.
        """
        if not numbers:
            return self
        lost = np.unique(self._layer_rows[np.isin(self._numbers, list(numbers))])
        kept = ~np.isin(self._layer_rows, lost)
        return PerLayer(self._rows, self._numbers[kept], self._layer_rows[kept], self._sizes)

    def total(self, values: Values, read: BoolArray) -> Column:
        """Sum over a layer's parameters that were read."""
        chosen = self._chosen(read)
        return self._column(
            np.bincount(chosen.layer_rows, values[chosen.numbers], self._rows).astype(np.float64),
            chosen,
        )

    def norm(self, norms: Values, read: BoolArray) -> Column:
        """Norm over all of a layer's parameters that were read, of their norms."""
        squares, measured = self.total(norms**2, read)
        return Column(np.sqrt(squares), measured)

    def ratio(self, above: Values, below: Values, read: BoolArray) -> Column:
        """Norm over norm; not measured where that below is 0."""
        norm, measured = self.norm(above, read)
        over = self.norm(below, read).values
        measured = measured & (over != 0)
        return Column(np.where(measured, norm / over, np.nan), measured)

    def share(self, part: Values, whole: Values, read: BoolArray) -> Column:
        """Sum over sum, of counts; not measured where that of the whole is 0."""
        total, measured = self.total(part, read)
        of = self.total(whole, read).values
        measured = measured & (of > 0)
        return Column(np.where(measured, total / of, np.nan), measured)

    def largest(self, values: Values, read: BoolArray) -> Column:
        """Largest over a layer's parameters that were read; NaN if any is."""
        chosen = self._chosen(read)
        result = np.zeros(self._rows)
        np.maximum.at(result, chosen.layer_rows, values[chosen.numbers])
        return self._column(result, chosen)

    def lacking(self, held: BoolArray, read: BoolArray) -> Column:
        """1 for layers with parameters held of which none was read, 0 for the others with any."""
        fed = self._chosen(read).measured
        return self._column(np.where(fed, 0.0, 1.0), self._chosen(held))

    def gradient_columns(self, statistics: Values, read: BoolArray) -> dict[str, Column]:
        """Every gradient metric, of statistics [5, parameters] as ``measure`` gives them."""
        sizes = self.total(self._sizes, read).values
        norm = self.norm(statistics[L2], read)
        return {
            "grad_norm": norm,
            "grad_rms": norm.over(np.sqrt(sizes)),
            "grad_mean_abs": self.total(statistics[L1], read).over(sizes),
            "grad_max_abs": self.largest(statistics[PEAK], read),
            "grad_zero_fraction": self.total(self._sizes - statistics[NONZERO], read).over(sizes),
            "grad_nonfinite": self.total(statistics[NONFINITE], read),
        }

    def weight_columns(
        self, statistics: Values, read: BoolArray, matrices: BoolArray
    ) -> dict[str, Column]:
        """Every weight metric; ``matrices`` tells the parameters of two or more dimensions."""
        # Without biases, which may be of any size: what a layer passes on depends on its matrices.
        of_matrices = self.norm(statistics[L2], read & matrices)
        return {
            "weight_norm": self.norm(statistics[L2], read),
            "matrix_norm": of_matrices,
            "weight_max_abs": self.largest(statistics[PEAK], read),
            "weight_nonfinite": self.total(statistics[NONFINITE], read),
        }

    def output_columns(self, statistics: Values, used: BoolArray) -> dict[str, Column]:
        """Metrics of outputs, each owned by one layer.

        Args:
            statistics: [5, outputs] as ``output_statistics`` gives them.
            used: the outputs that count.
        """
        sizes = self.total(self._sizes, used).values
        saturates = used & ~np.isnan(statistics[output_stats.SATURATED])
        saturated = self.total(statistics[output_stats.SATURATED] * self._sizes, saturates)
        return {
            "act_rms": self.norm(statistics[output_stats.NORM], used).over(np.sqrt(sizes)),
            "act_zero_fraction": self.total(
                self._sizes - statistics[output_stats.NONZERO], used
            ).over(sizes),
            "act_nonfinite": self.total(statistics[output_stats.NONFINITE], used),
            "act_dead_fraction": self.total(1 - statistics[output_stats.ALIVE], used),
            "act_saturated_fraction": saturated.over(self.total(self._sizes, saturates).values),
        }

    def output_gradient_columns(
        self, statistics: Values, used: BoolArray, reached: BoolArray, scale: float
    ) -> dict[str, Column]:
        """Metrics of the gradients of outputs.

        Args:
            statistics: [2, outputs] as ``gradient_statistics`` gives them; zero for outputs that no
                gradient reached.
            used: the outputs that count.
            reached: those of them that a gradient reached.
            scale: what the loss was multiplied by.
        """
        fed = np.bincount(self._layer_rows, reached, self._rows)[self._layer_rows] > 0
        sizes = self.total(self._sizes, used & fed).values
        norm = self.norm(statistics[output_stats.NORM] / scale, reached)
        zeros = sizes - self.total(statistics[output_stats.NONZERO], reached).values
        return {
            "act_grad_norm": norm,
            "act_grad_rms": norm.over(np.sqrt(sizes)),
            "act_grad_zero_fraction": Column(zeros, norm.measured).over(sizes),
        }

    def _chosen(self, read: BoolArray) -> Selection:
        if self._last is None or self._last.read is not read:
            pairs = read[self._numbers]
            layer_rows = self._layer_rows[pairs]
            measured = np.zeros(self._rows, np.bool_)
            measured[layer_rows] = True
            self._last = Selection(read, self._numbers[pairs], layer_rows, measured, ~measured)
        return self._last

    def _column(self, values: Values, chosen: Selection) -> Column:
        values[chosen.unmeasured] = np.nan
        return Column(values, chosen.measured)
