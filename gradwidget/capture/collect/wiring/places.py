"""Where layers are in the autograd graph."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from gradwidget.capture.collect.outputs import tensors_in
from gradwidget.capture.collect.wiring.graph import Graph
from gradwidget.capture.model.layers import ROOT, LayerTable
from gradwidget.capture.model.nonlinearity import Node
from gradwidget.capture.torch_private import sequence_number

Key = tuple[int, str]
"""What tells a node from every other one of its thread.

It holds nothing alive, as the node would: what was saved for a backward pass that may never come.
"""


class Places:
    """A layer is where its outputs were made, or, if none was seen, where its parameters are used.

    Args:
        table: the layers.
    """

    def __init__(self, table: LayerTable) -> None:
        self._table = table
        self._made: dict[Key, list[str]] = {}
        self._seen: set[str] = set()

    def add_output(self, layer: str, output: object) -> list[Tensor]:
        """A layer has run: every tensor of its output shows a place.

        Returns:
            These tensors.
        """
        tensors = list(tensors_in(output))
        for tensor in tensors:
            if tensor.grad_fn is not None:
                self._seen.add(layer)
                layers = self._made.setdefault(_key(tensor.grad_fn), [])
                if layer not in layers:
                    layers.append(layer)
        return tensors

    def made_at(self, node: Node) -> Sequence[str]:
        """The layers whose output a node has made, in the order in which they ran.

        There are several where one calls another and returns what that returned.
        """
        return self._made.get(_key(node), ())

    def used_at(self, node: Node, graph: Graph) -> list[str]:
        """The layers without an output that was seen, of which a node uses a parameter."""
        found: dict[str, None] = {}
        for parameter in graph.parameters_of(node):
            number = self._table.number_of(parameter)
            if number is not None:
                names = (name for name, _ in self._table.names_of(number))
                found.update((name, None) for name in names if name not in self._seen)
        return list(found)

    def is_a_layer(self, node: Node, graph: Graph) -> bool:
        """Whether a node is where a computation of layers ends, seen from the loss.

        So it is where the output of a layer was made that contains no other (one that does may
        compute the loss too), and where an operation has weights, be they those of a layer or of a
        module that is not watched. A mere factor or bias is no layer: losses have such parameters.
        """
        return any(not self._contains_others(name) for name in self.made_at(node)) or any(
            parameter.dim() > 1 for parameter in graph.parameters_of(node)
        )

    def _contains_others(self, layer: str) -> bool:
        names = [one.name for one in self._table.layers]
        return len(names) > 1 if layer == ROOT else any(n.startswith(f"{layer}.") for n in names)


def _key(node: Node) -> Key:
    return sequence_number(node), node.name()
