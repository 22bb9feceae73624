"""The operations between the loss and the layers nearest to it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gradwidget.capture.collect.wiring.graph import VIEWS, Graph
from gradwidget.capture.collect.wiring.places import Places
from gradwidget.capture.model.nonlinearity import Node

LONGEST = 32
"""Operations that are named at most."""

_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])")


def loss_path(graph: Graph, places: Places) -> list[str]:
    """The operations from the roots of a graph down to the nearest layers.

    Breadth first and once each, in torch's words; without those that change the shape or the format
    of what passes, not its values.
    """
    found: dict[str, None] = {}
    for node in between(graph, places):
        name = graph.names[node]
        if not name.startswith(VIEWS):
            found[operation(name)] = None
        if len(found) >= LONGEST:
            break
    return list(found)


def between(graph: Graph, places: Places) -> Iterator[Node]:
    """The nodes from the roots of a graph down to the nearest layers, breadth first, once each."""
    for node, is_layer in graph.down_from(graph.roots, lambda one: places.is_a_layer(one, graph)):
        if not is_layer:
            yield node


def operation(name: str) -> str:
    """The operation that a node of the graph belongs to, in torch's words.

    Example:
        >>> operation("BinaryCrossEntropyWithLogitsBackward0"), operation("NllLoss2DBackward0")
        ('binary_cross_entropy_with_logits', 'nll_loss2d')
    """
    plain = name.rpartition("::")[2].partition("Backward")[0]
    return _WORDS.sub("_", plain).lower()
