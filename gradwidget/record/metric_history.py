"""One metric over the run in bounded memory: recent rows one by one, older ones as summaries."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gradwidget.frame import BoolArray
from gradwidget.record.capacity import START, Room
from gradwidget.record.overview import Summaries


class MetricHistory:
    """The rows of one metric, one entry per layer: summaries first, then single rows.

    The history knows how many rows of each there are, the same for all metrics.

    Args:
        width: entries in a row.
        dtype: kind of float to keep.
        room: rows to have room for.
        coarse: summaries that already exist; they count as unmeasured.
        fine: single rows that already exist; they count as unmeasured.
        start: start rows that already exist; they count as unmeasured.
    """

    def __init__(
        self, width: int, dtype: DTypeLike, room: Room, *, coarse: int, fine: int, start: int
    ) -> None:
        # empty, not full: the system commits a page only when a row is written, so a short run
        # stays small.
        self.fine = np.empty((room.fine, width), dtype)
        self.start = np.empty((START, width), dtype)
        self.low = np.empty((room.coarse, width), dtype)
        self.mean = np.empty((room.coarse, width), dtype)
        self.high = np.empty((room.coarse, width), dtype)
        self.fine_measured = np.zeros((room.fine, width), np.bool_)
        self.coarse_measured = np.zeros((room.coarse, width), np.bool_)
        self.fine[:fine] = np.nan
        self.start[:start] = np.nan
        for summary in (self.low, self.mean, self.high):
            summary[:coarse] = np.nan

    @property
    def nbytes(self) -> int:
        """Bytes that the rows take once all are in use."""
        arrays = (
            self.fine,
            self.start,
            self.low,
            self.mean,
            self.high,
            self.fine_measured,
            self.coarse_measured,
        )
        return sum(array.nbytes for array in arrays)

    def put(
        self, row: int, values: NDArray[np.floating] | float, measured: BoolArray | np.bool_
    ) -> None:
        """Writes the single row number ``row``."""
        self.fine[row] = values
        self.fine_measured[row] = measured

    def summaries(self, columns: slice, start: int) -> Summaries:
        """A copy of some summaries, and of the first ``start`` rows of the run."""
        low, mean, high = (part[columns].copy() for part in (self.low, self.mean, self.high))
        measured = self.coarse_measured[columns].copy()
        return Summaries(low, mean, high, measured, self.start[:start].copy())

    def take_up(self, into: slice, given: Summaries | None) -> None:
        """Writes summaries, and the start rows that come with them; None: nothing was measured."""
        if given is None:
            self.low[into] = self.mean[into] = self.high[into] = np.nan
            self.coarse_measured[into] = False
            return
        self.low[into], self.mean[into], self.high[into] = given.low, given.mean, given.high
        self.coarse_measured[into] = given.measured
        self.start[: len(given.start)] = given.start

    def fold(self, oldest: int, fine: int, column: int, columns: int) -> None:
        """Summarizes single rows, which leave.

        Args:
            oldest: how many, from the oldest on.
            fine: how many there are.
            column: the first summary to write.
            columns: how many summaries they become; a divisor of ``oldest``.
        """
        values = self.fine[:oldest].reshape(columns, oldest // columns, -1)
        measured = self.fine_measured[:oldest].reshape(values.shape)
        into = slice(column, column + columns)
        self._summarize(into, values, values, values, measured, frames=np.ones((1, 1, 1)))
        self.fine[: fine - oldest] = self.fine[oldest:fine]
        self.fine_measured[: fine - oldest] = self.fine_measured[oldest:fine]

    def merge(self, first: int, pairs: int, frames: NDArray[np.int64]) -> None:
        """Merges neighboring summaries.

        Args:
            first: the column of the first one.
            pairs: how many pairs of them.
            frames: int64 [2 * pairs]: how many frames each of them stands for.
        """
        old = slice(first, first + 2 * pairs)
        new = slice(first, first + pairs)
        low, mean, high = (
            part[old].reshape(pairs, 2, -1).copy() for part in (self.low, self.mean, self.high)
        )
        measured = self.coarse_measured[old].reshape(pairs, 2, -1).copy()
        self._summarize(new, low, mean, high, measured, frames=frames.reshape(pairs, 2, 1))

    def move(self, source: int, target: int) -> None:
        """Copies the summary in column ``source`` to column ``target``."""
        for part in (self.low, self.mean, self.high, self.coarse_measured):
            part[target] = part[source]

    def rearranged(
        self, source: NDArray[np.int64], room: Room, *, coarse: int, fine: int, start: int
    ) -> MetricHistory:
        """The same rows for other layers.

        Args:
            source: int64 [layers]: the entry that each entry comes from; -1 leaves it unmeasured.
            room: rows to have room for, from now on.
            coarse: summaries that exist.
            fine: single rows that exist.
            start: start rows that exist.
        """
        dtype = self.fine.dtype
        history = MetricHistory(len(source), dtype, room, coarse=coarse, fine=fine, start=start)
        known = source >= 0
        for name, rows in (
            ("fine", fine),
            ("start", start),
            ("low", coarse),
            ("mean", coarse),
            ("high", coarse),
        ):
            getattr(history, name)[:rows, known] = getattr(self, name)[:rows, source[known]]
        history.fine_measured[:fine, known] = self.fine_measured[:fine, source[known]]
        history.coarse_measured[:coarse, known] = self.coarse_measured[:coarse, source[known]]
        return history

    def _summarize(
        self,
        into: slice,
        low: NDArray[np.floating],
        mean: NDArray[np.floating],
        high: NDArray[np.floating],
        measured: BoolArray,
        *,
        frames: NDArray[Any],
    ) -> None:
        if not measured.any():
            # Of most steps of a long run: nothing is to be computed.
            self.low[into] = self.mean[into] = self.high[into] = np.nan
            self.coarse_measured[into] = False
            return
        count = (measured * frames).sum(axis=1)
        # In float64, so that a sum of large float32 values does not overflow; 0/0 is the NaN of an
        # unmeasured entry, and a NaN or an infinity that was measured stays visible in the mean.
        with np.errstate(invalid="ignore", over="ignore"):
            total = np.where(measured, mean * frames, 0.0).sum(axis=1, dtype=np.float64)
            self.mean[into] = total / count
            self.low[into] = np.fmin.reduce(low, axis=1)
            self.high[into] = np.fmax.reduce(high, axis=1)
        self.coarse_measured[into] = count > 0
