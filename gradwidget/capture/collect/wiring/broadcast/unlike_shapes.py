"""Outputs [N, 1] that meet something of the shape [N], so that every pair of samples is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradwidget.capture.collect.wiring.broadcast.to_the_loss import (
    Kind,
    factors_of,
    reaches_the_loss,
)
from gradwidget.capture.collect.wiring.broadcast.two_vectors import is_of_two_vectors
from gradwidget.capture.collect.wiring.graph import LEAF, VIEWS, Graph
from gradwidget.capture.collect.wiring.places import Places
from gradwidget.capture.model.nonlinearity import Node
from gradwidget.capture.torch_private import output_shape, signed

KINDS: dict[str, Kind] = {
    "SubBackward": "difference",
    "RsubBackward": "difference",
    "ExpandBackward": "difference",
    "AddBackward": "sum",
    "MulBackward": "product",
}
"""How the names of operations begin by which outputs meet targets, weights or masks, and what they
make."""
ON_PURPOSE = ("UnsqueezeBackward", "ViewBackward", "ReshapeAliasBackward")
"""The same of those by which a vector is made a column."""

TAKING_AWAY = (
    "Mean",
    "Sum",
    "Var",
    "Std",
    "Amax",
    "Amin",
    "Logsumexp",
    "LinalgVectorNorm",
    "Select",
)
"""The same of those that take a dimension away, or leave one entry of it."""

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Meeting:
    """Something of each sample that is broadcast to all pairs."""

    kind: Kind
    given: Node
    """What made the operand that is learned; of two the column."""
    other: Shape
    """The shape of the other one."""
    is_of_matrix: bool = False
    """Whether the other one has all pairs already."""

    @property
    def what(self) -> str:
        """What is broadcast, in a word that messages tell apart."""
        if self.is_of_matrix:
            return "advantages"
        return "product" if self.kind == "product" else "difference"


def unlike_shapes(graph: Graph, above: Sequence[Node], places: Places) -> tuple[str, ...] | None:
    """What is broadcast over the samples on its way to the loss, since shapes differ.

    So that this is no comparison of all pairs by intent, all entries have to become one number at
    once, and nothing compares outputs with each other in the same way.

    Args:
        graph: what a backward pass can reach.
        above: its nodes above the layers, from the roots down.
        places: the outputs of the layers in it.

    Returns:
        The shape of the outputs, what became of it, the shape of what they meet, whether that is a
        ``"difference"``, a ``"product"`` or one with ``"advantages"`` that were broadcast before,
        and the layer that has given the column or an empty word; None where there is none.
    """
    for node in above:
        met, made = _meeting(node, graph), output_shape(node)
        if met is None or made is None or not reaches_the_loss(node, met.kind, graph):
            continue
        if any(one is not node and _compares_outputs(one, made, graph) for one in above):
            continue
        if met.is_of_matrix and not _was_broadcast(node):
            continue
        given = output_shape(met.given) or ()
        layer = _layer_of_column(met.given, graph, places, _column(made))
        return str(list(given)), str(list(made)), str(list(met.other)), met.what, layer
    return None


def _meeting(node: Node, graph: Graph) -> Meeting | None:
    """What meets at an operation; None where no vector becomes a matrix."""
    kind = next((one for name, one in KINDS.items() if graph.names[node].startswith(name)), None)
    made, below = output_shape(node), graph.below[node]
    if kind is None or made is None or len(made) < 2 or made[0] != made[1] or made[0] < 2:
        return None
    if {made[1:], _column(made)}.isdisjoint(output_shape(one) for one in below):
        return None
    if not all(_is_of_samples(one, graph) for one in below):
        return None
    if len(below) == 2:
        return _of_two_outputs(kind, below, made, graph)
    return _with_a_constant(node, kind, below[0], made)


def _of_two_outputs(kind: Kind, below: Sequence[Node], made: Shape, graph: Graph) -> Meeting | None:
    """Two outputs, of which one is a column that was not made for it, of nothing of the other."""
    row, column = made[1:], _column(made)
    shapes = [output_shape(one) for one in below]
    if set(shapes) != {row, column}:
        return None
    at = shapes.index(column)
    is_made = graph.names[below[at]].startswith(ON_PURPOSE)
    is_one = graph.through_views(below[0]) is graph.through_views(below[1])
    return None if is_made or is_one else Meeting(kind, below[at], row)


def _with_a_constant(node: Node, kind: Kind, given: Node, made: Shape) -> Meeting | None:
    """An output, and something that is not learned; its shape is that which makes the matrix."""
    row, column = made[1:], _column(made)
    shape = output_shape(given)
    if shape not in {row, column} or (kind == "sum" and len(made) > 2):
        return None
    other = row if shape == column else column
    if kind != "product":
        return Meeting(kind, given, other)
    factors = [tuple(one.shape) for one in factors_of(node)]
    if made in factors and len(made) == 2:
        return Meeting(kind, given, made, is_of_matrix=True)
    others = {column} if other == column else {row, (1, *row)}
    return None if others.isdisjoint(factors) else Meeting(kind, given, other)


def _column(made: Shape) -> Shape:
    """The shape of the operand with an entry for each of the first dimension."""
    return (made[0], 1, *made[2:])


def _is_of_samples(node: Node, graph: Graph) -> bool:
    """Whether the entries may be one of each sample.

    Those of a parameter, of a mean over the samples or of a single sample are one of each feature,
    and so is what becomes of each of them.
    """
    waiting, seen = [node], {node}
    while waiting:
        one = waiting.pop()
        shape = output_shape(one)
        if not shape or shape[0] == 1 or graph.names[one] == LEAF or _takes_away(one, graph):
            return False
        is_view = graph.names[one].startswith(VIEWS) and len(graph.below[one]) == 1
        for below in graph.below[one]:
            if below not in seen and (is_view or output_shape(below) == shape):
                seen.add(below)
                waiting.append(below)
    return True


def _takes_away(node: Node, graph: Graph) -> bool:
    """Whether an operation leaves nothing of the samples, or one of them."""
    if not graph.names[node].startswith(TAKING_AWAY):
        return False
    dims: int | tuple[int, ...] | None = getattr(node, "_saved_dim", None)
    below = output_shape(graph.below[node][0]) if graph.below[node] else None
    if dims is None or below is None:
        return True
    gone = (dims,) if isinstance(dims, int) else dims
    return any(signed(one) in {0, -len(below)} for one in gone)


def _compares_outputs(node: Node, made: Shape, graph: Graph) -> bool:
    """Whether outputs are held against each other, each against all, as in distances."""
    below = graph.below[node]
    return (
        len(below) == 2
        and graph.names[node].startswith("SubBackward")
        and output_shape(node) == made
        and not any(output_shape(one) == made for one in below)
    )


def _was_broadcast(product: Node) -> bool:
    """Whether the matrix that outputs are multiplied by is a row and a column, put together."""
    return any(one.dim() == 2 and is_of_two_vectors(one) for one in factors_of(product))


def _layer_of_column(given: Node, graph: Graph, places: Places, column: Shape) -> str:
    """The layer whose output [N, 1] it is: of what is given, or the only one in the graph."""
    if output_shape(given) == column:
        made = places.made_at(graph.through_views(given), graph)
    else:
        of_shape = (one for one in graph.below if output_shape(one) == column)
        made = [layer for one in of_shape for layer in places.made_at(one, graph)]
    return made[-1] if len(set(made)) == 1 else ""
