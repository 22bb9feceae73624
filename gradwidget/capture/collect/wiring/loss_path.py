"""The operations between the loss and the layers nearest to it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from gradwidget.capture.collect.wiring.graph import VIEWS, Graph
from gradwidget.capture.collect.wiring.places import Places
from gradwidget.capture.model.nonlinearity import Node
from gradwidget.capture.torch_private import output_shape

LONGEST = 32
"""Operations that are named at most."""

OF_CLASSES = "NllLoss"
"""How the name of a loss begins that has one number for all the classes of a sample."""
OF_DIFFERENCES = ("MseLoss", "SmoothL1Loss", "HuberLoss")
"""The same of losses of differences, which are the same whichever of the two is given first."""
CRITERIA = (OF_CLASSES, *OF_DIFFERENCES, "BinaryCrossEntropy", "SoftMargin")
"""The same of those that say how they make one number of many."""
MEAN, SUM = 1, 2
"""How torch numbers the reductions of a loss that make one number."""

_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])")


def loss_path(graph: Graph, places: Places) -> list[str]:
    """The operations from the roots of a graph down to the nearest layers.

    Breadth first and once each, in torch's words; without those that change the shape or the format
    of what passes, not its values. Where a module that is not watched comes first, the last one is
    that with its weights.
    """
    found: dict[str, None] = {}
    for node, is_layer in _down_to_layers(graph, places):
        name = graph.names[node]
        is_between = not is_layer or places.is_unwatched(node, graph)
        if is_between and not name.startswith(VIEWS):
            found[operation(name)] = None
        if len(found) >= LONGEST:
            break
    return list(found)


def between(graph: Graph, places: Places) -> Iterator[Node]:
    """The nodes from the roots of a graph down to the nearest layers, breadth first, once each."""
    for node, is_layer in _down_to_layers(graph, places):
        if not is_layer:
            yield node


def _down_to_layers(graph: Graph, places: Places) -> Iterator[tuple[Node, bool]]:
    """The same with those at which layers end, and whether they are such."""
    return graph.down_from(graph.roots, lambda one: places.is_a_layer(one, graph))


def added_up(graph: Graph) -> tuple[str, str, str] | None:
    """The largest sum or mean that a loss is, as it is: nothing multiplies or divides it.

    Returns:
        The operation in torch's words, and how many entries and how many samples it adds up: 1 and
        1 of a mean. None where there is none or both are, or several losses are given to a pass.
    """
    if len(graph.roots) != 1:
        return None
    found: list[tuple[int, int, str]] = []
    waiting = list(graph.roots)
    while waiting:
        node = waiting.pop()
        name = graph.names[node]
        if name.startswith(("Add", "Sub", "Neg", *VIEWS)):
            waiting += graph.below[node]
        elif output_shape(node) == () and graph.below[node]:
            shape = output_shape(graph.below[node][0])
            reduction = _reduction(node, name)
            if reduction == SUM and shape:
                counted = (shape[0], *shape[2:]) if name.startswith(OF_CLASSES) else shape
                found.append((math.prod(counted), shape[0], operation(name)))
            elif reduction == MEAN:
                found.append((1, 1, operation(name)))
    if not found or (min(found)[0] == 1 < max(found)[0]):
        return None
    entries, samples, name = max(found)
    return name, str(entries), str(samples)


def _reduction(node: Node, name: str) -> int | None:
    """As torch numbers it; None where it is another operation."""
    if name.startswith(CRITERIA):
        return getattr(node, "_saved_reduction", None)
    return SUM if name.startswith("SumBackward") else MEAN if name.startswith("Mean") else None


def operation(name: str) -> str:
    """The operation that a node of the graph belongs to, in torch's words.

    Example:
        >>> operation("BinaryCrossEntropyWithLogitsBackward0"), operation("NllLoss2DBackward0")
        ('binary_cross_entropy_with_logits', 'nll_loss2d')
    """
    plain = name.rpartition("::")[2].partition("Backward")[0]
    return _WORDS.sub("_", plain).lower()
