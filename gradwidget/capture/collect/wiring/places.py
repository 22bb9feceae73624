"""Where layers are in the autograd graph."""

from __future__ import annotations

from collections.abc import Container, Sequence
from functools import cached_property

from torch import Tensor

from gradwidget.capture.collect.outputs import tensors_in
from gradwidget.capture.collect.wiring.graph import Graph
from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.model.most_nodes import most_nodes
from gradwidget.capture.model.nonlinearity import Node
from gradwidget.capture.torch_private import sequence_number
from gradwidget.frame import ROOT


class Places:
    """A layer is where its outputs were made, or, if none was seen, where its parameters are used.

    A node is known by its number and name, which hold nothing alive. The node itself would: what
    was saved for a backward pass that may never come.

    Args:
        table: the layers.
    """

    def __init__(self, table: LayerTable) -> None:
        self._table = table
        self._made: dict[int, tuple[str, tuple[str, ...]]] = {}
        self._seen: set[str] = set()

    @cached_property
    def _all(self) -> set[str]:
        return {layer.name for layer in self._table.layers}

    @cached_property
    def _unseen(self) -> set[str]:
        """Those of them without an output so far."""
        return self._all - self._seen

    @cached_property
    def _containers(self) -> set[str]:
        """The layers that contain others."""
        outer = {
            ".".join(parts[:depth])
            for parts in (name.split(".") for name in self._all)
            for depth in range(1, len(parts))
        }
        return outer | ({ROOT} if len(self._all) > 1 else set())

    def add_output(self, layer: str, output: object) -> list[Tensor]:
        """A layer has run: every tensor of its output shows a place.

        Returns:
            These tensors.
        """
        tensors = tensors_in(output)
        for tensor in tensors:
            node = tensor.grad_fn if len(self._made) < most_nodes() else None
            if node is not None:
                self._seen.add(layer)
                self.__dict__.pop("_unseen", None)
                number = sequence_number(node)
                name, layers = self._made.get(number) or (node.name(), ())
                if layer not in layers:
                    self._made[number] = name, (*layers, layer)
        return tensors

    def has_run(self, layer: str) -> bool:
        """Whether an output of this layer was seen."""
        return layer in self._seen

    def layer_of(self, parameter: Tensor) -> str | None:
        """The layer that owns a parameter; None where it is not watched."""
        return self._table.layer_of(parameter)

    def ran_before(self, order: int, left_out: Container[str]) -> str | None:
        """The layer whose output was made last before an operation; None where none was.

        Args:
            order: the number of the operation.
            left_out: layers that do not count.
        """
        made = sorted(number for number in self._made if number < order)
        names = (name for number in reversed(made) for name in reversed(self._made[number][1]))
        return next((name for name in names if name not in left_out), None)

    def layers_changed(self) -> None:
        """The table has other rows than before; what was seen of modules stays."""
        for name in ("_all", "_unseen", "_containers"):
            self.__dict__.pop(name, None)

    def made_at(self, node: Node, graph: Graph) -> Sequence[str]:
        """The layers whose output a node has made, in the order in which they ran.

        There are several where one calls another and returns what that returned.
        """
        name, layers = self._made.get(sequence_number(node), ("", ()))
        if name != graph.names[node]:
            return ()  # threads number their nodes alike
        return [one for one in layers if one in self._all]

    def used_at(self, node: Node, graph: Graph) -> list[str]:
        """The layers without an output that was seen, of which a node uses a parameter."""
        if not self._unseen:
            return []  # none of them is a parameter by itself
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
        return any(name not in self._containers for name in self.made_at(node, graph)) or any(
            parameter.dim() > 1 for parameter in graph.parameters_of(node)
        )

    def is_unwatched(self, node: Node, graph: Graph) -> bool:
        """Whether the weights of an operation are those of a module that is not watched."""
        weights = [one for one in graph.parameters_of(node) if one.dim() > 1]
        return bool(weights) and all(self.layer_of(one) is None for one in weights)
