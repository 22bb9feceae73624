"""Which layers lie on the way of the gradient to which: the network's graph as sets of layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gradwidget.frame import LOSS, BoolArray

Floats = NDArray[np.float64]

MOST = 2000
"""Layers whose paths are followed."""


class Paths:
    """The layers before and behind each layer, along the paths from the inputs to the loss.

    Args:
        names: of the layers, in the order of the history.
        feeds: the layers that the output of each flows into next, as in ``Wiring``; empty where
            the graph is not known: all layers are then taken for one chain, in their order.

    Example:
        >>> paths = Paths(["left", "right", "head"], {"left": ("head",), "right": ("head",)})
        >>> paths.before.astype(int)
        array([[0, 0, 0],
               [0, 0, 0],
               [1, 1, 0]])
    """

    def __init__(self, names: Sequence[str], feeds: Mapping[str, Sequence[str]]) -> None:
        count = len(names)
        self.known = bool(feeds) and count <= MOST
        """Whether the graph is known, and small enough to be followed from each layer to each."""
        self._names, self._feeds = names, feeds
        if not self.known:
            self.last: BoolArray = np.arange(count) == count - 1
            return
        self.before: BoolArray = np.zeros((count, count), np.bool_)
        """Bool [layers, layers]: ``before[i, j]`` where the output of j flows into i; only where
        the graph is known."""
        self.last = np.array(
            [
                LOSS in feeds.get(name, ()) or not behind
                for name, behind in zip(names, self.next, strict=True)
            ],
            np.bool_,
        )
        """Bool [layers]: those from which the gradient starts: nothing follows but the loss."""
        for number in self._in_order():
            for behind in self.next[number]:
                self.before[behind] |= self.before[number]
                self.before[behind, number] = True

    @cached_property
    def next(self) -> list[list[int]]:
        """For each layer the numbers of the layers that its output flows into next."""
        if not self.known:
            count = len(self._names)
            return [[number + 1] for number in range(count - 1)] + [[]] * bool(count)
        row = {name: number for number, name in enumerate(self._names)}
        return [
            [row[one] for one in self._feeds.get(name, ()) if one in row and one != name]
            for name in self._names
        ]

    def _in_order(self) -> list[int]:
        """The layers, each after all that flow into it; a layer in a circle comes as it may."""
        waiting = np.zeros(len(self.next), np.int64)
        for behind in self.next:
            for one in behind:
                waiting[one] += 1
        ready = [number for number, count in enumerate(waiting) if not count]
        order: list[int] = []
        while ready:
            number = ready.pop()
            order.append(number)
            for one in self.next[number]:
                waiting[one] -= 1
                if not waiting[one]:
                    ready.append(one)
        left = set(range(len(self.next))) - set(order)
        return order + sorted(left)

    @cached_property
    def chains(self) -> list[list[int]]:
        """The unbranched parts, input first.

        Each of their layers feeds the next one alone, and that is fed by it alone.
        """
        fed_by = np.zeros(len(self.next), np.int64)
        for behind in self.next:
            fed_by[behind] += 1
        follows = {
            number: behind[0]
            for number, behind in enumerate(self.next)
            if len(behind) == 1 and fed_by[behind[0]] == 1
        }
        found = []
        for start in follows.keys() - set(follows.values()):
            chain = [start]
            while (after := follows.get(chain[-1])) is not None:
                chain.append(after)
            found.append(chain)
        return sorted(found)

    @cached_property
    def bypassed(self) -> BoolArray:
        """Bool [layers]: those with a way around them, as inside of a residual block.

        The output of a layer before them flows into one behind them with no layer between.
        """
        found = np.zeros(len(self.last), np.bool_)
        for number, behind in enumerate(self.next if self.known else []):
            if len(behind) > 1:
                found |= self.before[behind].any(axis=0) & self.before[:, number]
        return found

    @cached_property
    def has_inner_ends(self) -> bool:
        """Whether the loss reads a layer whose output flows on into another one that it reads."""
        last = np.flatnonzero(self.last)
        return self.known and bool(self.before[np.ix_(last, last)].any())

    @property
    def fed(self) -> BoolArray:
        """Bool [layers]: those that the output of another layer flows into."""
        if not self.known:
            found: BoolArray = np.arange(len(self.last)) > 0
            return found
        fed: BoolArray = np.any(self.before, axis=1)
        return fed

    def between(self, layer: int, end: int) -> BoolArray:
        """Bool [layers]: those on the way from a layer to another, both among them."""
        numbers = np.arange(len(self.last))
        if not self.known:
            found: BoolArray = (numbers >= layer) & (numbers <= end)
            return found
        found = self.before[end] & self.before[:, layer]
        found[[layer, end]] = True
        return found

    def highest_before(self, values: Floats) -> Floats:
        """float64 [layers]: the highest value of each layer and all before it; NaN is ignored."""
        return self._over_before(values, np.fmax, -np.inf)

    def lowest_before(self, values: Floats) -> Floats:
        """float64 [layers]: the lowest value of each layer and all before it; NaN is ignored."""
        return self._over_before(values, np.fmin, np.inf)

    def ends(self, values: Floats, *, final: bool = False) -> NDArray[np.intp]:
        """For each layer, the number of the last layer that its output reaches.

        Of several, the one with the highest value; itself where it is one of them; -1 where the
        value of none is known.

        Args:
            values: float64 [layers]; NaN where unknown. Without a graph, the last layer whose value
                is known is that of all.
            final: leave out a layer that the loss reads while its output flows on into others as
                well, as the code of a variational autoencoder.
        """
        numbers = np.arange(len(values))
        if not self.known:
            known = np.flatnonzero(~np.isnan(values))
            return np.full(len(values), known[-1] if known.size else -1)
        last = np.flatnonzero(self.last & ~np.isnan(values))
        if not last.size:
            return np.full(len(values), -1)
        if len(last) == 1:
            # As nearly every network has it: there is nothing to choose from.
            (end,) = last
            reaches_it = self.before[end] | (numbers == end)
            return np.where(reaches_it & np.isfinite(values[end]), end, -1)
        # Those of a loop feed each other: where all are inside of one, none is left out.
        if final and not (inner := self.before[np.ix_(last, last)].any(axis=0)).all():
            last = last[~inner]
        reaches = self.before[last].T | (numbers[:, None] == last)
        reached = np.where(reaches, values[last], -np.inf)
        best = reached.argmax(axis=1)
        return np.where(np.isfinite(reached[numbers, best]), last[best], -1)

    def _over_before(self, values: Floats, choose: np.ufunc, none: float) -> Floats:
        if not self.known:
            chain: Floats = choose.accumulate(values)
            return np.where(np.isnan(values), np.nan, chain)
        known = np.where(np.isnan(values), none, values)
        before: Floats = np.where(self.before, known, none)
        found: Floats = choose(choose.reduce(before, axis=1, initial=none), known)
        return np.where(np.isnan(values), np.nan, found)
