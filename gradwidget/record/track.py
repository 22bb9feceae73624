"""One metric over the run in bounded memory: its recent rows one by one, its older ones as
summaries.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gradwidget.frame import BoolArray

FINE = 640
"""Rows kept one by one before the oldest ``FOLD`` of them are summarised."""
FOLD = 128
"""Rows summarised at a time."""
COARSE = 768
"""Summaries kept before neighbours are merged in pairs."""
START = 20
"""Rows of the run's start that are kept for good, as the measure of what came later."""


class Track:
    """The rows of one metric, one entry a layer: summaries first, then single rows.

    How many rows of each there are is the business of the history, the same for all its tracks.

    Args:
        width: entries in a row.
        dtype: kind of float to keep.
        coarse: summaries that already exist; they count as unmeasured.
        fine: single rows that already exist; they count as unmeasured.
        start: start rows that already exist; they count as unmeasured.
    """

    def __init__(self, width: int, dtype: DTypeLike, coarse: int, fine: int, start: int) -> None:
        # empty, not full: the system commits a page only when a row is written, so a short run
        # stays small.
        self.fine = np.empty((FINE, width), dtype)
        self.start = np.empty((START, width), dtype)
        self.low = np.empty((COARSE, width), dtype)
        self.mean = np.empty((COARSE, width), dtype)
        self.high = np.empty((COARSE, width), dtype)
        self.fine_measured = np.zeros((FINE, width), np.bool_)
        self.coarse_measured = np.zeros((COARSE, width), np.bool_)
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

    def fold(self, column: int, columns: int, fine: int) -> None:
        """Summarises the oldest ``FOLD`` of ``fine`` single rows into ``columns`` summaries, from
        ``column`` on.
        """
        values = self.fine[:FOLD].reshape(columns, FOLD // columns, -1)
        measured = self.fine_measured[:FOLD].reshape(values.shape)
        self._summarise(slice(column, column + columns), values, values, values, measured)
        self.fine[: fine - FOLD] = self.fine[FOLD:fine]
        self.fine_measured[: fine - FOLD] = self.fine_measured[FOLD:fine]

    def merge(self, first: int, pairs: int) -> None:
        """Merges ``pairs`` neighbouring pairs of summaries, the first pair beginning at column
        ``first``.
        """
        old = slice(first, first + 2 * pairs)
        new = slice(first, first + pairs)
        low, mean, high = (
            part[old].reshape(pairs, 2, -1).copy() for part in (self.low, self.mean, self.high)
        )
        measured = self.coarse_measured[old].reshape(pairs, 2, -1).copy()
        self._summarise(new, low, mean, high, measured)

    def move(self, source: int, target: int) -> None:
        """Copies the summary in column ``source`` to column ``target``."""
        for part in (self.low, self.mean, self.high, self.coarse_measured):
            part[target] = part[source]

    def rearranged(self, source: NDArray[np.int64], coarse: int, fine: int, start: int) -> Track:
        """The same rows for other layers: entry ``i`` comes from entry ``source[i]``, or is
        unmeasured where -1.
        """
        track = Track(len(source), self.fine.dtype, coarse, fine, start)
        known = source >= 0
        for name, rows in (
            ("fine", fine),
            ("start", start),
            ("low", coarse),
            ("mean", coarse),
            ("high", coarse),
        ):
            getattr(track, name)[:rows, known] = getattr(self, name)[:rows, source[known]]
        track.fine_measured[:fine, known] = self.fine_measured[:fine, source[known]]
        track.coarse_measured[:coarse, known] = self.coarse_measured[:coarse, source[known]]
        return track

    def _summarise(
        self,
        into: slice,
        low: NDArray[np.floating],
        mean: NDArray[np.floating],
        high: NDArray[np.floating],
        measured: BoolArray,
    ) -> None:
        count = measured.sum(axis=1)
        # In float64, so that a sum of large float32 values does not overflow; 0/0 is the NaN of an
        # unmeasured entry, and a NaN or an infinity that was measured stays visible in the mean.
        total = np.where(measured, mean, 0.0).sum(axis=1, dtype=np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            self.mean[into] = total / count
            self.low[into] = np.fmin.reduce(low, axis=1)
            self.high[into] = np.fmax.reduce(high, axis=1)
        self.coarse_measured[into] = count > 0
