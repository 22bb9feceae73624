"""Views that give dimensions another order: what is there is not moved, and entries are mixed up.

``heads.view(batch, length, -1)`` of ``[heads, batch, length, size]`` has the shape that was wanted,
and each row holds entries of several samples; ``permute`` moves them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from gradwidget.capture.collect.wiring.graph import Graph
from gradwidget.capture.collect.wiring.obstacles.constants import layer_before
from gradwidget.capture.collect.wiring.places import Places
from gradwidget.capture.model.nonlinearity import Node
from gradwidget.capture.torch_private import output_shape

RESHAPING = ("ViewBackward", "UnsafeViewBackward", "ReshapeAliasBackward")
"""How the names of operations begin that read the same entries, in their order, in another shape.
"""
MOVING = ("Transpose", "Permute", "TBackward")
"""The same of those that give dimensions another order, and move the entries with them."""
COPYING = "CloneBackward"
"""The same of the one that copies what it is given."""
MOST_DIMENSIONS = 6
"""Of shapes that are compared: there are many ways to join more."""

Shape = tuple[int, ...]


def scrambled_view(graph: Graph, places: Places) -> tuple[str, str, str] | None:
    """The first such view from the loss down.

    Returns:
        The shapes before and after, and the layer whose output it is given or an empty word; None
        where there is none.
    """
    for node, name in graph.names.items():
        if not name.startswith(RESHAPING):
            continue
        before, after = _shape_before(node), output_shape(node)
        if before is None or after is None or not is_scrambled(before, after):
            continue
        if not _is_beside_permutation(node, graph):
            return str(list(before)), str(list(after)), layer_before(node, graph, places) or ""
    return None


def _is_beside_permutation(node: Node, graph: Graph) -> bool:
    """Whether a permutation comes right before or after a view: the shape alone may be chance.

    What was moved is often copied before it can be viewed.
    """
    around = [one for one, below in graph.below.items() if node in below]
    for one in graph.below[node]:
        before = one
        while graph.names[before].startswith(COPYING) and graph.below[before]:
            before = graph.below[before][0]
        around.append(before)
    return any(graph.names[one].startswith(MOVING) for one in around)


def _shape_before(node: Node) -> Shape | None:
    found = getattr(node, "_saved_self_sym_sizes", None)
    return None if found is None else tuple(int(one) for one in found)


def is_scrambled(before: Shape, after: Shape) -> bool:
    """Whether one shape has the dimensions of the other in another order, joined or divided.

    Not where neighbors are joined, or one is divided into neighbors, in their order.

    Example:
        >>> is_scrambled((4, 64, 7, 16), (64, 7, 64)), is_scrambled((64, 7, 64), (64, 7, 4, 16))
        (True, False)
    """
    sizes = [tuple(one for one in shape if one > 1) for shape in (before, after)]
    few, many = sorted(sizes, key=len)
    if not 1 < len(few) <= len(many) <= MOST_DIMENSIONS or math.prod(few) != math.prod(many):
        return False
    return not _joins_neighbors(many, few) and _joins_any(many, few)


def _joins_neighbors(many: Sequence[int], few: Sequence[int]) -> bool:
    """Whether each of a few sizes is the product of the next ones of many."""
    rest = list(many)
    for size in few:
        product = 1
        while rest and product < size:
            product *= rest.pop(0)
        if product != size:
            return False
    return not rest


def _joins_any(many: Sequence[int], few: Sequence[int]) -> bool:
    """Whether each of a few sizes is the product of some of many, which are used once each."""
    if not many:
        return all(size == 1 for size in few)
    first, *rest = many
    return any(
        size % first == 0 and _joins_any(rest, [*few[:place], size // first, *few[place + 1 :]])
        for place, size in enumerate(few)
    )
