"""Where a value that is not finite arose in a step whose outputs were not measured.

Nothing is run again. As long as the backward pass has not begun, the autograd graph behind the loss
keeps the step's own values: what each operation saved for its gradient. Read in the order in which
the operations ran, they show between which two the first NaN or infinity came to be.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from gradwidget.capture.collect.nonfinite.holes import makes_nonfinite, only_passes_on
from gradwidget.capture.collect.wiring.loss_path import operation
from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.model.most_nodes import most_nodes
from gradwidget.capture.model.nonlinearity import Node
from gradwidget.capture.model.unreadable import plain, unreadable
from gradwidget.capture.stats.norms import l2
from gradwidget.capture.stats.readback import as_numpy
from gradwidget.capture.torch_private import hides_saved_tensors, saved_tensors, sequence_number
from gradwidget.frame import NonfiniteOrigin

RESULTS = ("result", "out", "logsumexp")
"""How names begin under which an operation saves what it gave, not what it was given."""
JOINING = ("Add", "Sub", "Cat", "Stack")
"""How the names of operations begin that make nothing infinite or NaN of what is not, in a network.
"""
MASKS = ("mask",)
"""Parts of names of what may be infinite on purpose."""


@dataclass(slots=True)
class Operation:
    """One operation of the forward."""

    node: Node
    order: int
    """Rises in the order in which operations ran."""
    layer: str | None
    """Name of the layer of which it uses a parameter."""
    parameters: list[Tensor]
    """The parameters that it uses."""
    above: list[Operation] = field(default_factory=list)
    """The operations that made what it was given; parameters and data have none."""


def origin_in_graph(loss: Tensor, table: LayerTable) -> NonfiniteOrigin | None:
    """Where the values behind a loss first were not finite.

    Args:
        loss: NaN or infinite, its graph not yet used by a backward pass.
        table: the layers.

    Returns:
        The first layer that gave, or was given, such a value, and the operation that made it, where
        that is known; None where the graph does not tell.
    """
    operations = _operations(loss.grad_fn, table)
    if not operations:
        return None
    for one in operations:
        found = _first_bad(one)
        if found is not None:
            name, bad = found
            given = not name.startswith(RESULTS)
            # What is in the graph has a function that made it, or is a parameter; a single number
            # that scales the rest was computed on the way.
            is_outside = not bad.requires_grad and bad.dim() > 0
            is_data = is_outside and _layer_after(one, operations) is not None
            if given and (is_data or not one.above):
                return NonfiniteOrigin("input")
            return _traced(_suspect(one) if given else one, operations)
    return _traced(operations[-1], operations)


def _traced(last: Operation, operations: list[Operation]) -> NonfiniteOrigin:
    """Follows an operation whose result is bad to the one that made it so."""
    at, way = last, [last]
    while True:
        # A number by which all is scaled shows nothing of the rest.
        saved = [
            tensor
            for name, tensor in _floats(at)
            if not name.startswith(RESULTS) and (tensor.dim() or tensor.requires_grad)
        ]
        if at.layer is not None and not saved and hides_saved_tensors(at.node):
            # What it was given may have been bad already.
            return NonfiniteOrigin("unknown")
        if at.layer is not None and (not saved or _can_overflow(saved + at.parameters)):
            return NonfiniteOrigin("forward", at.layer)
        # What it was given is known to be finite: it, or one after it that saves nothing, did it.
        if at.layer is not None or saved or not at.above:
            break
        # Where operations after it are in doubt, data that joins the rest is no more so than they.
        if at is last and _takes_data(at) and all(map(_gives_finite, at.above)):
            is_loss = _layer_after(at, operations) is None
            return NonfiniteOrigin("loss" if is_loss else "input")
        at = _suspect(at)
        way.append(at)
    maker = next((one for one in reversed(way) if makes_nonfinite(one.node)), None)
    if maker is not at and saved and _can_overflow(saved):
        maker = None  # as scores in half precision, of which softmax makes NaN
    layer = _layer_after(maker or at, operations)
    name = operation(maker.node.name()) if maker is not None else ""
    return NonfiniteOrigin("loss" if layer is None else "forward", layer, name)


def _suspect(one: Operation) -> Operation:
    """Of the operations that made what one was given, that which made it bad: else the last."""
    return max(one.above, key=lambda above: (makes_nonfinite(above.node), above.order))


def _layer_after(at: Operation, operations: list[Operation]) -> str | None:
    """The first layer that was given what came of an operation; None where it is one of the loss.

    Layers that ran after it and had nothing of it are left out, such as the values beside the
    weights of an attention.
    """
    behind = {at.node}
    for one in operations:
        if any(above.node in behind for above in one.above):
            if one.layer is not None:
                return one.layer
            behind.add(one.node)
    return None


def _takes_data(one: Operation) -> bool:
    """Whether it joins what is in the graph with what is not, as data is, and does no more."""
    joins = one.node.name().startswith(JOINING)
    return joins and any(above is None for above, _ in one.node.next_functions)


def _gives_finite(one: Operation) -> bool:
    """Whether its result is known to be finite."""
    results = [tensor for name, tensor in _floats(one) if name.startswith(RESULTS)]
    if results or one.layer is None:
        return bool(results) and all(map(_is_finite, results))
    given = [tensor for _, tensor in _floats(one)]
    return bool(given) and all(map(_is_finite, given)) and not _can_overflow(given + one.parameters)


def _order(one: Operation) -> int:
    return one.order


def _operations(root: Node, table: LayerTable) -> list[Operation]:
    """The operations behind a node in the order in which they ran; none if they are too many."""
    nodes: dict[Node, list[Node]] = {}
    waiting = [root] if root is not None else []
    most = most_nodes()
    while waiting:
        node = waiting.pop()
        if node in nodes:
            continue
        if len(nodes) >= most:
            return []
        nodes[node] = [one for one, _ in node.next_functions if one is not None]
        waiting += nodes[node]
    found: dict[Node, Operation] = {}
    for node, above in nodes.items():
        if _leaf(node, nodes) is None:
            leaves = [leaf for one in above if (leaf := _leaf(one, nodes)) is not None]
            used = [one for one in leaves if table.number_of(one) is not None]
            layer = next((table.layer_of(one) for one in used), None)
            found[node] = Operation(node, sequence_number(node), layer, used)
    for node, one in found.items():
        one.above = [found[above] for above in nodes[node] if above in found]
    return sorted(found.values(), key=_order)


def _leaf(node: Node, nodes: dict[Node, list[Node]]) -> Tensor | None:
    """The leaf that a node only hands on, transposed or cast; None for a true operation."""
    while not hasattr(node, "variable"):
        above = nodes[node]
        if len(above) != 1 or any(True for _ in saved_tensors(node)):
            return None
        node = above[0]
    leaf: Tensor = node.variable
    return leaf


def _floats(one: Operation) -> Iterator[tuple[str, Tensor]]:
    for name, tensor in saved_tensors(one.node):
        is_number = tensor.is_floating_point() or tensor.is_complex()
        if (
            is_number
            and unreadable(tensor) is None
            and tensor.numel()
            and not any(mask in name for mask in MASKS)
        ):
            yield name, tensor


def _first_bad(one: Operation) -> tuple[str, Tensor] | None:
    """The first value that it saved and that is not finite, and under which name."""
    kind = one.node.name()
    return next(
        (
            found
            for found in _floats(one)
            if not _is_finite(found[1]) and not only_passes_on(kind, found[1])
        ),
        None,
    )


def _is_finite(tensor: Tensor) -> bool:
    return bool(np.isfinite(as_numpy(l2(plain(tensor)))))


def _can_overflow(given: list[Tensor]) -> bool:
    """Whether sums of products of finite tensors can leave the range of their format."""
    bound = math.log10(max(tensor.numel() for tensor in given))
    for tensor in given:
        bound += math.log10(max(1.0, float(tensor.detach().abs().max())))
    return bound > math.log10(torch.finfo(given[0].dtype).max)
