"""What is computed with parameters outside of any module of their own, as the graph shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gradwidget.capture.collect.wiring.graph import LEAF, Graph
from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.model.nonlinearity import SEE_THROUGH, Node
from gradwidget.capture.torch_private import sequence_number

OF_A_PRODUCT = ("Add", "Sub", "Mul", "Div")
"""How the names of operations begin by which a bias or a gain is applied to a product."""
PRODUCTS = ("Mm", "Addmm", "Bmm", "Baddbmm", "Mv", "Addmv", "Linear", "Convolution", "Embedding")
"""How the names of operations begin by which a weight makes something of what it is given."""


@dataclass(slots=True)
class Operation:
    """One use of a weight, and of what is added to its product or scales it."""

    node: Node
    """The node that made the result."""

    numbers: list[int]
    """Of the parameters, in the order of their use."""

    order: int
    """Rises in the order in which operations ran."""

    is_product: bool
    """Whether the first of the parameters is a weight."""


def operations_in(graph: Graph, table: LayerTable) -> list[Operation]:
    """The operations that use parameters which may be rows, in the order in which they ran."""
    used: dict[Node, list[int]] = {}
    for node in graph.below:
        numbers = [
            number
            for one in graph.parameters_of(node)
            if (number := table.number_of(one)) is not None and number in table.divisible
        ]
        if numbers:
            # A bias may come before the weight.
            used[node] = sorted(numbers, key=lambda number: -_dimensions(table, number))
    found: dict[Node, Operation] = {}
    for node in sorted(used, key=sequence_number):
        numbers, before = used[node], None
        if _dimensions(table, numbers[0]) < 2 and graph.names[node].startswith(OF_A_PRODUCT):
            before = next((found[one] for one in given_to(node, graph) if one in found), None)
        if before is None:
            is_product = graph.names[node].startswith(PRODUCTS)
            is_product &= _dimensions(table, numbers[0]) > 1
            found[node] = Operation(node, list(numbers), sequence_number(node), is_product)
        else:
            del found[before.node]
            before.node = node
            before.numbers += [number for number in numbers if number not in before.numbers]
            found[node] = before
    return sorted(found.values(), key=lambda one: one.order)


def _dimensions(table: LayerTable, number: int) -> int:
    parameter = table.parameters[number]()
    return 0 if parameter is None else parameter.dim()


def given_to(node: Node, graph: Graph) -> Iterator[Node]:
    """The operations that made what a node was given, through mere views."""
    for one in graph.below[node]:
        below = one
        while graph.names[below].startswith(SEE_THROUGH) and len(graph.below[below]) == 1:
            below = graph.below[below][0]
        if graph.names[below] != LEAF:
            yield below
