"""Which parts of a graph keep the positions of its tokens apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gradwidget.capture.collect.wiring.graph import Graph
from gradwidget.capture.model.nonlinearity import Node
from gradwidget.capture.torch_private import output_shape


@dataclass(frozen=True, slots=True)
class Positions:
    """So many samples of so many positions."""

    samples: int
    length: int

    def are_in(self, shape: tuple[int, ...]) -> bool:
        """Whether a tensor of this shape can have something of its own for each of them.

        As [samples, length, ...], [length, samples, ...], [samples x heads, length, ...] and
        [samples x length, ...] can, also without the last position; what is pooled cannot.
        """
        lengths = {self.length, self.length - 1}
        if shape and any(shape[0] and not shape[0] % (self.samples * one) for one in lengths):
            return True
        if len(shape) < 3:
            return False
        return any(
            one in lengths and not other % self.samples
            for place, one in enumerate(shape)
            for other in (*shape[:place], *shape[place + 1 :])
        )

    def below(self, nodes: Iterable[Node], graph: Graph) -> set[Node]:
        """The nodes that are reached from some with the positions kept all the way."""
        waiting, found = list(nodes), set[Node]()
        while waiting:
            node = waiting.pop()
            if node in found:
                continue
            found.add(node)
            for one in graph.below[node]:
                shape = output_shape(one)
                # Of an operation with several results it is not known.
                if shape is None or self.are_in(shape):
                    waiting.append(one)
        return found

    @staticmethod
    def above(node: Node, among: set[Node], users: Mapping[Node, Iterable[Node]]) -> set[Node]:
        """The nodes that use what a node has made, with no other than some on the way."""
        waiting, found = [node] if node in among else [], set[Node]()
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting += [user for user in users.get(one, ()) if user in among]
        return found
