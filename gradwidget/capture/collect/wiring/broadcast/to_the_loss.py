"""Whether what was broadcast becomes one number in a way that nobody wants of all pairs."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from gradwidget.capture.collect.wiring.graph import Graph
from gradwidget.capture.collect.wiring.loss_path import OF_DIFFERENCES
from gradwidget.capture.model.nonlinearity import Node
from gradwidget.capture.torch_private import output_shape, saved_tensor

REDUCING = ("Mean", "Sum")
"""How the names of operations begin that make one number of many."""
ERRORS = (*OF_DIFFERENCES, "Pow", "Abs")
"""The same of those that make errors of differences.

Others, such as exp or relu, make kernels and margins, which are taken of every pair on purpose.
"""
SAME = ("Neg", "ToCopy")
"""The same of those that leave an entry what it is."""
OF_TWO = ("Minimum", "Maximum", "Where")
"""The same of those that choose between two such entries, as losses do that are clipped."""
SUMS = ("Add", "Sub", "Rsub")

Kind = Literal["sum", "difference", "weighted", "product", "error"]
"""What the entries are on their way: outputs to which something was added, differences, those times
a number for each sample, products with something else that is learned, and errors."""


def reaches_the_loss(start: Node, kind: Kind, graph: Graph) -> bool:
    """Whether each entry goes its own way until all of them become one number.

    The mean of mere differences is the difference of two means, broadcast or not: that is none.

    Args:
        start: what was broadcast.
        kind: what its entries are.
        graph: what a backward pass can reach.
    """
    users = graph.users()
    waiting, seen, is_used = [(start, kind)], set[tuple[Node, Kind]](), False
    while waiting:
        node, kind = waiting.pop()
        for user in users.get(node, ()):
            name = graph.names[user]
            if output_shape(user) == () and name.startswith((*REDUCING, *OF_DIFFERENCES)):
                is_used |= kind not in {"sum", "difference"} or name.startswith(OF_DIFFERENCES)
                continue
            after = _after(user, node, kind, graph)
            if after is None:
                return False
            if (user, after) not in seen:
                seen.add((user, after))
                waiting.append((user, after))
    return is_used


def _after(user: Node, node: Node, kind: Kind, graph: Graph) -> Kind | None:
    """What entries are behind an operation; None where pairs may well be made for it."""
    name, below = graph.names[user], graph.below[user]
    found: Kind | None = None
    if name.startswith(SAME) or (name.startswith("Div") and user.next_functions[0][0] is node):
        found = kind
    elif name.startswith("Mul"):
        found = _multiplied(user, node, kind, graph)
    elif name.startswith(ERRORS):
        found = "error" if kind in {"difference", "weighted", "error"} else None
    elif name.startswith(SUMS):
        found = _added(kind, is_learned=len(below) == 2)
    elif name.startswith(OF_TWO):
        found = kind if kind in {"error", "product"} and len(below) == 2 else None
    elif name.startswith("Clamp"):  # from below it is a margin
        is_from_above = name.startswith("ClampMax") or getattr(user, "_saved_min", 0) is None
        found = kind if kind == "error" and is_from_above else None
    return found


def _added(kind: Kind, *, is_learned: bool) -> Kind | None:
    """What entries are behind a sum or a difference, with something that is learned or is not."""
    if kind == "sum":
        return "difference" if is_learned else None  # a sum may well be the output itself
    if kind == "product":
        return kind if is_learned else None  # held against a matrix, it is an outer product
    return kind


def _multiplied(product: Node, node: Node, kind: Kind, graph: Graph) -> Kind | None:
    """What entries are behind a product; None where each pair has a factor of its own."""
    made, below = output_shape(product) or (), graph.below[product]
    if len(below) == 2:
        if below[0] is below[1]:
            return "error" if kind in {"difference", "weighted", "error"} else None
        other = output_shape(below[below[0] is node])
        is_matrix = other is None or _is_of_pairs(other, made)
        return None if is_matrix else "error" if kind == "error" else "product"
    factors = [tuple(one.shape) for one in factors_of(product)]
    if any(_is_of_pairs(one, made) for one in factors):
        return None
    return "weighted" if kind == "difference" and any(factors) else kind


def _is_of_pairs(shape: tuple[int, ...], made: tuple[int, ...]) -> bool:
    """Whether a factor has an entry for each pair of samples."""
    aligned = (1,) * (len(made) - len(shape)) + shape
    return len(made) > 1 and aligned[0] > 1 and aligned[1] > 1


def factors_of(product: Node) -> list[Tensor]:
    """The factors that a product has kept, as far as they can be read."""
    kept = (saved_tensor(product, name) for name in ("self", "other"))
    return [one for one in kept if one is not None]
