"""The loss of every step in bounded memory: one by one lately, joined further back."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gradwidget.record.overview import LossColumns

COLUMNS = 2_048
"""Columns at most: a timeline has no more pixels."""
KEPT = COLUMNS // 2
"""Newest losses that surely have a column each."""
EARLY = 40
"""First losses that keep a column each: what a run is measured by."""
MOST_LEFT = 0.75
"""Of the older columns, the share that joining them leaves at most."""


class Losses:
    """The loss of every step of which it is known, sampled or not.

    The newest 1,024 to 2,048 losses have a column each, and so have the first 40. Those between
    are joined, ever more to a column as the run grows, and a column has their mean.

    Example:
        >>> losses = Losses()
        >>> losses.extend([0, 1, 2], [0.5, 0.25, float("nan")])
        >>> losses.steps, losses.means
        (array([0, 1, 2]), array([0.5 , 0.25,  nan]))
    """

    def __init__(self) -> None:
        self.version = 0
        """Number of losses so far."""
        self.last_step = -1
        """The newest step; -1 before the first."""
        self._steps = np.empty(COLUMNS, np.int64)
        self._values = np.empty(COLUMNS, np.float64)
        self._firsts = np.empty(COLUMNS, np.int64)
        """The number of the first loss that each column has."""
        self._columns = 0
        self._longest = 1
        """Losses that an older column may stand for."""

    @property
    def steps(self) -> NDArray[np.int64]:
        """int64 [columns]: the first step that each column covers."""
        return self._steps[: self._columns].copy()

    @property
    def means(self) -> NDArray[np.float64]:
        """float64 [columns]: the mean of each column's losses; NaN where one was NaN."""
        return self._values[: self._columns].copy()

    def recent(self, n: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Steps and values of the newest losses one by one: at most ``KEPT``, oldest first."""
        newest = slice(self._columns - min(n, KEPT, self._columns), self._columns)
        return self._steps[newest].copy(), self._values[newest].copy()

    @property
    def level(self) -> float:
        """The median of the newest ``EARLY`` losses that are finite; NaN where there are fewer."""
        found = self.recent(EARLY)[1]
        if len(found) < EARLY:
            return math.nan
        ordered = np.sort(found[np.isfinite(found)])
        middle = ordered[(len(ordered) - 1) // 2 : len(ordered) // 2 + 1]
        return float(middle.sum() / len(middle)) if len(middle) else math.nan

    def first(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Steps and values of the first losses one by one: at most ``EARLY``, oldest first."""
        number = np.arange(min(EARLY, self._columns))
        ends = np.append(self._firsts[: self._columns], self.version)[1:]
        single = ends[: len(number)] == number + 1
        return self._steps[number[single]], self._values[number[single]]

    def columns(self) -> LossColumns:
        """A copy of all that is held."""
        firsts = self._firsts[: self._columns].copy()
        return LossColumns(
            self.steps, self.means, firsts, self.version, self.last_step, self._longest
        )

    def take_up(self, *given: LossColumns) -> None:
        """Holds what is given, one after the other, in the place of all before."""
        before = np.cumsum([0, *(one.version for one in given)])
        firsts = [one.firsts + number for one, number in zip(given, before, strict=False)]
        self._columns = sum(len(one.steps) for one in given)
        spare = np.zeros(max(0, COLUMNS - self._columns), np.int64)
        self._steps = np.concatenate([*(one.steps for one in given), spare])
        self._values = np.concatenate([*(one.means for one in given), spare])
        self._firsts = np.concatenate([*firsts, spare])
        self.version, self.last_step = int(before[-1]), max(one.last_step for one in given)
        self._longest = max(one.longest for one in given)
        while self._columns > COLUMNS:
            self._join_older()

    def extend(self, steps: Sequence[int] | NDArray[np.int64], values: ArrayLike) -> None:
        """Adds losses in the order of their steps; those of steps that are over are left out."""
        numbers, losses = np.asarray(steps, np.int64), np.asarray(values, np.float64)
        if not len(numbers):
            return
        # Each must come after all before it.
        reached = np.maximum.accumulate(np.append(self.last_step, numbers))
        is_later = numbers > reached[:-1]
        numbers, losses = numbers[is_later], losses[is_later]
        while len(numbers):
            if self._columns == COLUMNS:
                self._join_older()
            taken = min(COLUMNS - self._columns, len(numbers))
            into = slice(self._columns, self._columns + taken)
            self._steps[into], self._values[into] = numbers[:taken], losses[:taken]
            self._firsts[into] = np.arange(self.version, self.version + taken)
            self._columns += taken
            self.version += taken
            self.last_step = int(numbers[taken - 1])
            numbers, losses = numbers[taken:], losses[taken:]

    def _join_older(self) -> None:
        """Joins neighbors among the older columns, into ever longer ones until that makes room."""
        older = self._columns - KEPT
        edges = self._edges(older)
        while len(edges) > older * MOST_LEFT:
            self._longest *= 2
            edges = self._edges(older)
        lengths = np.diff(self._firsts[: older + 1])
        totals = np.add.reduceat(self._values[:older] * lengths, edges)
        means = totals / np.add.reduceat(lengths, edges)
        keep = slice(older, self._columns)
        for column, joined in (
            (self._steps, self._steps[edges]),
            (self._values, means),
            (self._firsts, self._firsts[edges]),
        ):
            column[: len(edges) + KEPT] = np.concatenate([joined, column[keep]])
        self._columns = len(edges) + KEPT

    def _edges(self, older: int) -> NDArray[np.intp]:
        """Where the columns begin that the older ones become."""
        firsts = self._firsts[:older]
        groups = np.where(firsts < EARLY, firsts - EARLY, firsts // self._longest)
        return np.flatnonzero(np.diff(groups, prepend=-EARLY - 1))
