"""Losses that only draw outputs of one network together: they are least where all are the same.

As of two views of a sample whose vectors are compared, with nothing that keeps different samples
apart: no negatives, no term for the variance, no side whose gradient is stopped.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradwidget.capture.collect.wiring.graph import VIEWS, Graph
from gradwidget.capture.collect.wiring.loss_path import OF_DIFFERENCES
from gradwidget.capture.collect.wiring.places import Places
from gradwidget.capture.model.nonlinearity import Node
from gradwidget.capture.torch_private import saved_tensor

COUNTING = (*VIEWS, "Mean", "Sum", "Sqrt")
"""How the names of operations begin that count what they are given, and nothing besides."""
SCALING = ("Mul", "Div")
"""The same of those that do so where they are given a number besides."""
SIZES = ("Pow", "Abs", "Norm", "LinalgVectorNorm")
"""The same of those that count how large a difference is, whichever way it goes."""
LENGTHS = ("LinalgVectorNorm", "Norm", "ClampMin", "Expand", "Clone", "Sqrt")
"""The same of what a vector is divided by to give it the length 1."""
SLOPE = "BackwardBackward"
"""In the names of operations that slopes of an activation function are made with: two sides of a
differential equation are no outputs.
"""
MOST = 256
"""Operations that are followed."""


Pair = tuple[Node, Node]
"""Two operands that a loss draws together."""


class _OtherTermError(Exception):
    """The loss has a term of another kind."""


def pulled_together(graph: Graph, places: Places) -> bool:
    """Whether a loss is a sum of such terms alone, and both sides of each are one network's."""
    if len(graph.roots) != 1:
        return False
    try:
        compared = list(_terms(graph.roots[0], graph))
        if not all(_is_of_one_network(one, graph, places) for one in compared):
            return False
    except _OtherTermError:
        return False
    return bool(compared) and not any(SLOPE in name for name in graph.names.values())


def _terms(root: Node, graph: Graph) -> Iterator[Pair]:
    """What the terms of a loss compare."""
    waiting = [(root, 1)]
    for _ in range(MOST):
        if not waiting:
            return
        node, sign = waiting.pop()
        name = graph.names[node]
        if name.startswith(COUNTING):
            waiting.append((_only(node), sign))
        elif name.startswith(("Neg", "Rsub")):  # such as 1 - similarity
            waiting.append((_only(node), -sign))
        elif name.startswith("Add"):
            waiting += [(one, sign) for one in _operands(node)]
        elif name.startswith("Sub"):
            first, second = _operands(node)
            waiting += [(first, sign), (second, -sign)]
        elif name.startswith(SCALING) and (factor := _factor(node)) is not None:
            waiting.append((_only(node), sign if factor > 0 else -sign))
        else:
            # Less of a difference is more likeness.
            wanted = -1 if name.startswith("Mul") else 1
            if sign != wanted:
                raise _OtherTermError
            yield _compared(node, graph)
    raise _OtherTermError


def _compared(node: Node, graph: Graph) -> Pair:
    name = graph.names[node]
    if name.startswith("Mul"):  # of vectors of the length 1
        sides = _operands(node)
        if all(_has_unit_length(one, graph) for one in sides):
            return sides
    elif name.startswith(OF_DIFFERENCES):
        return _operands(node)
    elif name.startswith(SIZES):
        inner = graph.through_views(_only(node))
        if graph.names[inner].startswith("Sub"):
            return _operands(inner)
    raise _OtherTermError


def _has_unit_length(node: Node, graph: Graph) -> bool:
    node = graph.through_views(node)
    if not graph.names[node].startswith("Div"):
        return False
    ends = [one for one, _ in node.next_functions]
    return len(ends) == 2 and ends[1] is not None and graph.names[ends[1]].startswith(LENGTHS)


def _is_of_one_network(compared: Pair, graph: Graph, places: Places) -> bool:
    """Whether what is compared comes straight from layers, and from the same ones."""
    first, second = (_weights_below(one, graph, places) for one in compared)
    return not first.isdisjoint(second)


def _weights_below(side: Node, graph: Graph, places: Places) -> set[int]:
    """The parameters, by ``id``, that a side is made with.

    What is done to it after the last layer may change its length and its shape. What is added to it
    would be a target.
    """
    layers = []
    for node, is_layer in graph.down_from([side], lambda one: places.is_a_layer(one, graph)):
        if is_layer:
            layers.append(node)
        elif not graph.names[node].startswith((*VIEWS, "Div", *LENGTHS)):
            raise _OtherTermError
    below = graph.down_from(layers, lambda _: False)
    return {id(one) for node, _ in below for one in graph.parameters_of(node)}


def _operands(node: Node) -> Pair:
    """Both operands of an operation of two."""
    ends = [one for one, _ in node.next_functions]
    if len(ends) != 2 or None in ends:
        raise _OtherTermError
    first, second = ends
    return first, second


def _only(node: Node) -> Node:
    """The only thing with a gradient that an operation is given."""
    ends = [one for one, _ in node.next_functions if one is not None]
    if len(ends) != 1:
        raise _OtherTermError
    found: Node = ends[0]
    return found


def _factor(node: Node) -> float | None:
    """The number by which an operation multiplies or divides; None where it is none."""
    ends = [one for one, _ in node.next_functions]
    if len(ends) != 2 or ends.count(None) != 1:
        return None
    number = saved_tensor(node, "other" if ends[1] is None else "self")
    if number is None or number.dim() or number.device.type != "cpu":
        return None
    return float(number)
