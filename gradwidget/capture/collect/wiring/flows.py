"""Which layers the output of each layer flows into next."""

from __future__ import annotations

from collections.abc import Iterable

from gradwidget.capture.collect.wiring.graph import Graph
from gradwidget.capture.collect.wiring.places import Places
from gradwidget.capture.model.nonlinearity import Node
from gradwidget.frame import LOSS

Feeds = dict[str, tuple[str, ...]]

MOST = 50_000
"""Connections that are named: along a residual stream of a thousand layers there are half a
million, and the layers may as well be taken for one chain."""


class Flows:
    """Collects them over several graphs.

    Sets of layers are kept as the bits of numbers: over a residual stream every layer feeds all
    later ones.
    """

    def __init__(self) -> None:
        self._bits: dict[str, int] = {LOSS: 1}
        self._into: dict[str, int] = {}
        self._named: tuple[list[str], dict[str, int], Feeds] = ([], {}, {})

    def add(self, graph: Graph, places: Places) -> bool:
        """Adds what a graph shows: one pass over its nodes, from the loss down.

        Returns:
            Whether there is any of the layers in it.
        """
        is_of_the_model = False
        above: dict[Node, int] = dict.fromkeys(graph.roots, self._bits[LOSS])
        for node in graph.from_the_top():
            flows_into = above.pop(node)
            made, used = places.made_at(node, graph), places.used_at(node, graph)
            is_of_the_model |= bool(made or used)
            for layers in (*([one] for one in reversed(made)), used):
                flows_into = self._through(layers, flows_into)
            for one in graph.below[node]:
                above[one] = above.get(one, 0) | flows_into
        return is_of_the_model

    def by_layer(self, layers: Iterable[str]) -> Feeds:
        """The layers that each one feeds; of those given, and in that order, the loss last."""
        order = [name for name in (*layers, LOSS) if name in self._bits]
        if self._named[:2] != (order, self._into):
            self._named = order, dict(self._into), self._feeds(order)
        return self._named[2]

    def _feeds(self, order: list[str]) -> Feeds:
        if sum(bits.bit_count() for bits in self._into.values()) > MOST:
            return {}
        place = {self._bits[name].bit_length() - 1: row for row, name in enumerate(order)}
        feeds: Feeds = {}
        for name in order:
            bits, rows = self._into.get(name, 0), []
            while bits:
                last = bits.bit_length() - 1
                bits ^= 1 << last
                rows += [place[last]] if last in place else []
            if name in self._into:
                feeds[name] = tuple(order[row] for row in sorted(rows))
        return feeds

    def _through(self, layers: list[str], flows_into: int) -> int:
        """What flows into layers beside each other, where their outputs flow into others."""
        bits = [self._bits.setdefault(one, 1 << len(self._bits)) for one in layers]
        for layer, bit in zip(layers, bits, strict=True):
            self._into[layer] = self._into.get(layer, 0) | (flows_into & ~bit)
        return sum(bits) or flows_into
