"""Which nonlinearity follows an output, read from the autograd graph: module, function or method,
in place or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.autograd.graph import get_gradient_edge

from gradwidget.capture.model.nonlinearity import Nonlinearity, recognised

SEE_THROUGH = (
    "ViewBackward",
    "UnsafeViewBackward",
    "ReshapeAliasBackward",
    "TransposeBackward",
    "TBackward",
    "PermuteBackward",
    "UnsqueezeBackward",
    "SqueezeBackward",
    "ToCopyBackward",
    "CloneBackward",
    "AliasBackward",
)
"""Nodes that change the shape or the format of what passes, not its values."""

Node = Any
"""A node of the autograd graph; torch's have no common type."""


def node_of(tensor: Tensor) -> Node:
    """The node that made a tensor; for a leaf the one that accumulates its gradient."""
    return get_gradient_edge(tensor).node


def followers(
    roots: Sequence[Tensor], outputs: Mapping[Node, int]
) -> dict[int, Nonlinearity | None]:
    """Walks the graph from the roots of a backward pass.

    Args:
        roots: where backward starts.
        outputs: the node that made each output of interest, and a number for it.

    Returns:
        The nonlinearity that takes the output, by its number; None where none does. Outputs out of
        reach are missing.
    """
    found: dict[int, Nonlinearity | None] = {}
    stack = [node_of(root) for root in roots if root.requires_grad]
    seen: set[Node] = set(stack)
    while stack:
        node = stack.pop()
        if node in outputs:
            found.setdefault(outputs[node], None)
        below = [one for one, _ in node.next_functions if one is not None]
        follower = recognised(node)
        if follower is not None:
            for one in _without_views(below, outputs):
                if one in outputs:
                    found[outputs[one]] = found.get(outputs[one]) or follower
        for one in below:
            if one not in seen:
                seen.add(one)
                stack.append(one)
    return found


def _without_views(nodes: Iterable[Node], outputs: Mapping[Node, int]) -> Iterable[Node]:
    for node in nodes:
        below = node
        while (
            below not in outputs
            and below.name().startswith(SEE_THROUGH)
            and below.next_functions[0][0] is not None
        ):
            below = below.next_functions[0][0]
        yield below
