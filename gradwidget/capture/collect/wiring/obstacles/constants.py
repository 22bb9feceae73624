"""Operations that give the same whatever they are given, or what is near it: no gradient passes.

They are taken over a dimension with a single entry, or they round.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from torch import nn

from gradwidget.capture.collect.wiring.graph import LEAF, Graph
from gradwidget.capture.collect.wiring.loss_path import operation
from gradwidget.capture.collect.wiring.places import Places
from gradwidget.capture.model.nonlinearity import Node, softmax_entries

OVER_A_DIMENSION: dict[str, Callable[[Node], int | None]] = {
    "SoftmaxBackward0": softmax_entries,
    "LogSoftmaxBackward0": softmax_entries,
    "NativeLayerNormBackward0": lambda node: prod(node._saved_normalized_shape),  # noqa: SLF001  # numbers
    "NativeGroupNormBackward0": lambda node: node._saved_C * node._saved_HxW // node._saved_group,  # noqa: SLF001  # numbers
}
"""Operations that compare entries with each other, and how many that are."""
ROUNDING = ("RoundBackward", "SignBackward", "FloorBackward", "CeilBackward", "TruncBackward")
"""How the names of operations begin whose slope is 0 everywhere."""


def rounded(graph: Graph, places: Places) -> tuple[str, ...] | None:
    """The first rounding from the loss down, and layers whose weights are behind roundings only.

    One that is made straight through is none: ``x + (round(x) - x).detach()`` has another way.

    Returns:
        Such as ``("round", "0", "2")``; None where there is none.
    """
    found: str | None = None
    reached = set(graph.roots)
    for node, rounds in graph.down_from(graph.roots, lambda one: _rounds(graph.names[one])):
        if rounds:
            found = found or operation(graph.names[node])
        else:
            reached.update(graph.below[node])
    if found is None:
        return None
    leaves = (node for node, name in graph.names.items() if name == LEAF)
    behind = (node for node in leaves if node not in reached)
    weights = [node.variable for node in behind if node.variable.dim() > 1]
    layers = dict.fromkeys(
        layer
        for one in weights
        if isinstance(one, nn.Parameter) and (layer := places.layer_of(one)) is not None
    )
    return (found, *layers) if layers else None


def _rounds(name: str) -> bool:
    return name.startswith(ROUNDING)


def one_entry(graph: Graph, places: Places) -> tuple[str, str] | None:
    """The first such operation from the loss down, and the layer whose output it is given.

    Not one that has more entries at another call: a memory that grows begins with one.

    Returns:
        Such as ``("softmax", "attention.2")``; None where there is none.
    """
    entries = {
        node: _entries(node, name) for node, name in graph.names.items() if name in OVER_A_DIMENSION
    }
    if 1 not in entries.values():
        return None
    found: dict[tuple[str, str], bool] = {}
    for node, count in entries.items():
        layer = layer_before(node, graph, places)
        if layer is not None:
            what = operation(graph.names[node]).removeprefix("native_"), layer
            found[what] = found.get(what, True) and count == 1
    return next((what for what, is_so in found.items() if is_so), None)


def _entries(node: Node, name: str) -> int | None:
    try:
        return OVER_A_DIMENSION[name](node)
    except (AttributeError, IndexError, RuntimeError):
        return None  # not every version of torch tells


def layer_before(node: Node, graph: Graph, places: Places) -> str | None:
    """The nearest layer, from an operation down."""

    def layers_at(one: Node) -> list[str]:
        return [*places.made_at(one, graph), *places.used_at(one, graph)]

    found = (layers for _, layers in graph.down_from(graph.below[node], layers_at) if layers)
    return next((layers[0] for layers in found), None)
