"""The outputs of layers that are no modules: the graph has them, no module returns them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from gradwidget.capture.collect.activations import Activations
from gradwidget.capture.collect.wiring.graph import Graph, read_graph
from gradwidget.capture.collect.wiring.operations import Operation, given_to, operations_in
from gradwidget.capture.inspect.inspection_collector import InspectionCollector
from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.model.nonlinearity import Node, Nonlinearity, recognize
from gradwidget.capture.model.unreadable import unreadable
from gradwidget.capture.torch_private import saved_tensor, sequence_number


class OperationOutputs:
    """Finds them before a backward pass of a sampled step, and has their gradients brought.

    Of the values only those are read that an activation function has kept for its own gradient.

    Args:
        table: the layers.
        activations: measures outputs and gradients.
        collector: collects what somebody wants to see of single layers.
    """

    def __init__(
        self, table: LayerTable, activations: Activations, collector: InspectionCollector | None
    ) -> None:
        self._table = table
        self._activations = activations
        self._collector = collector
        self._seen: set[tuple[int, str]] = set()

    def pass_begins(self, roots: Sequence[Tensor]) -> set[str]:
        """A backward pass is about to run.

        Returns:
            The names of the layers that have run.
        """
        graph = read_graph(roots)
        if graph is None:
            return set()
        operations = [
            (row, one)
            for one in operations_in(graph, self._table)
            for row, _ in self._table.names_of(one.numbers[0])
            if self._table.is_parameter(row)
        ]
        functions = _activation_functions(graph, [one for _, one in operations])
        for row, one in operations:
            # A graph that is kept may be passed several times.
            known = sequence_number(one.node), graph.names[one.node]
            if known not in self._seen:
                self._seen.add(known)
                self._add(row, one, graph, functions.get(one.node))
        return {row for row, _ in operations}

    def _add(self, row: str, one: Operation, graph: Graph, after: Node | None) -> None:
        nonlinearity = None if after is None else recognize(after)
        values = None
        if nonlinearity is not None:
            self._table.note_activation_function(row, nonlinearity.kind)
            values, nonlinearity = _kept(after, nonlinearity)
        units = -1
        if values is not None and graph.names[one.node].startswith("Convolution"):
            units = 1 - values.dim()
        self._activations.add_operation(row, one.node, values, nonlinearity, units)
        if self._collector is not None and values is not None:
            self._collector.add_output(row, values, nonlinearity)


def _activation_functions(graph: Graph, operations: Sequence[Operation]) -> dict[Node, Node]:
    """The node of the activation function that is right after each operation, where one is."""
    nodes = {one.node for one in operations}
    found: dict[Node, Node] = {}
    for node in graph.below:
        if recognize(node) is not None:
            for one in given_to(node, graph):
                if one in nodes:
                    found.setdefault(one, node)
    return found


def _kept(node: Node, nonlinearity: Nonlinearity) -> tuple[Tensor | None, Nonlinearity | None]:
    """What an activation function has kept, and what still has to be applied to that."""
    for name, rest in (("result", nonlinearity.applied()), ("self", nonlinearity)):
        tensor = saved_tensor(node, name)
        if tensor is not None and unreadable(tensor) is None and tensor.numel():
            return tensor.detach(), rest
    return None, None
