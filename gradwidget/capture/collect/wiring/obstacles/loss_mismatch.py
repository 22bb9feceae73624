"""What the graph shows of a loss that is given something else than it expects."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gradwidget.capture.collect.wiring.graph import Graph
from gradwidget.capture.collect.wiring.loss_path import MEAN, operation
from gradwidget.capture.collect.wiring.operations import PRODUCTS
from gradwidget.capture.hooks.returned_by import ReturnedBy
from gradwidget.capture.model.nonlinearity import Node, is_over_samples, softmax_entries
from gradwidget.capture.torch_private import output_shape, saved_tensor

BOUNDED: dict[str, tuple[float | str, float | str]] = {
    "SigmoidBackward": (0, 1),
    "HardsigmoidBackward": (0, 1),
    "SoftmaxBackward": (0, 1),
    "TanhBackward": (-1, 1),
    "ReluBackward": (0, math.inf),
    "SoftplusBackward": (0, math.inf),
    "ClampBackward1": ("_saved_min", "_saved_max"),
    "ClampMinBackward": ("_saved_min", math.inf),
    "ClampMaxBackward": (-math.inf, "_saved_max"),
    "HardtanhBackward": ("_saved_min_val", "_saved_max_val"),
}
"""How the names of operations begin whose results have bounds, and these: numbers, or where the
operation keeps them."""
NO_WAY_DOWN = 0.9
"""Share of the loss of a guess below which a loss has to be able to fall, for anybody to train."""
PROBABILITIES = ("SoftmaxBackward", "SigmoidBackward")
"""How the names of operations begin that give probabilities."""
OF_LOGITS = ("LogSoftmaxBackward", "BinaryCrossEntropyWithLogits", "NllLoss")
"""The same of those that are given logits, or logarithms of probabilities."""
REDUCING = ("Mean", "Sum")
"""The same of those that make one number of many."""


def no_logarithm(graph: Graph, above: Sequence[Node]) -> tuple[str, str] | None:
    """A loss of log-probabilities that is given something else.

    Args:
        graph: what a backward pass can reach.
        above: its nodes above the layers, from the roots down.

    Returns:
        The loss and what it is given, in torch's words: ``("kl_div", "softmax")``, ``("nll_loss",
        "linear")``, with ``"log_softmax"`` for one over the samples of a batch; None where there
        is none.
    """
    for node in above:
        name = graph.names[node]
        if name.startswith("NllLoss"):
            # Not through views: of a matrix that is turned around, the other dimension is right.
            if is_over_samples(graph.below[node][0]):
                return "nll_loss", "log_softmax"
            given = graph.through_views(graph.below[node][0])
            if graph.names[given].startswith(PRODUCTS):
                return "nll_loss", "linear"
            loss = "nll_loss"
        elif name.startswith(REDUCING) and (found := _given_to_kl_div(node)) is not None:
            given, loss = graph.through_views(found), "kl_div"
        else:
            continue
        if graph.names[given].startswith(PROBABILITIES):
            return loss, operation(graph.names[given])
    return None


def no_targets(graph: Graph, above: Sequence[Node]) -> bool:
    """Whether a cross-entropy is multiplied by 0, and only what no target is part of is left of it.

    As ``label_smoothing=1`` does, which torch makes of two terms of one log_softmax: the other one
    is its sum over all classes. What merely has the weight 0 for a while has no such term beside
    it.

    Args:
        graph: what a backward pass can reach.
        above: its nodes above the layers, from the roots down.
    """
    losses = {node for node in above if graph.names[node].startswith("NllLoss")}
    silent = {
        graph.below[node][0]
        for node in above
        if graph.names[node].startswith("Mul") and _is_zero(node) and len(graph.below[node]) == 1
    }
    given = {one for loss in losses for one in graph.below[loss]}
    is_shared = any(
        graph.names[node].startswith("SumBackward") and not given.isdisjoint(graph.below[node])
        for node in above
    )
    return bool(losses) and losses <= silent and is_shared


def _is_zero(product: Node) -> bool:
    """Whether the number that something is multiplied by is 0."""
    factor = getattr(product, "_saved_other", None)
    return isinstance(factor, int | float) and factor == 0


def squashed(
    graph: Graph, above: Sequence[Node], returned_by: ReturnedBy
) -> tuple[str, str, str, str] | None:
    """An activation function right under a loss that is meant for logits or logarithms.

    Returns:
        The function in torch's words, and who has called it, as ``ReturnedBy.of`` says it; None
        where there is none.
    """
    for node in above:
        if graph.names[node].startswith(OF_LOGITS):
            given = graph.through_views(graph.below[node][0])
            if graph.names[given].startswith((*PROBABILITIES, "ReluBackward")):
                function = operation(graph.names[given])
                return function, *returned_by.of(given, function)
    return None


def bounded(graph: Graph) -> tuple[str, str, str, str, str] | None:
    """Outputs with bounds that a mean error, and nothing else, holds against targets.

    Where that is larger than the bounds are apart, targets lie outside of them.

    Returns:
        The loss and what it is given, in torch's words, by what it is multiplied, and the bounds:
        ``("mse_loss", "sigmoid", "0.25", "0", "1")``; None where that is not so.
    """
    root, factor = _unscaled(graph, graph.roots[0])
    name, error, loss = graph.names[root], root, "mse_loss"
    if name.startswith("Mean"):
        inner = graph.below[root][0]
        exponent = getattr(inner, "_saved_exponent", None)  # a number, or a tensor of them
        is_squared = isinstance(exponent, int | float) and exponent == 2
        if not (is_squared or graph.names[inner].startswith("Abs")):
            return None
        loss = "mse_loss" if is_squared else "l1_loss"
        error = graph.below[inner][0]
        if not graph.names[error].startswith(("SubBackward", "RsubBackward")):
            return None
    elif not (name.startswith("MseLoss") and getattr(root, "_saved_reduction", None) == MEAN):
        return None
    if len(graph.roots) > 1 or not factor > 0 or len(graph.below[error]) != 1:
        return None
    given = graph.through_views(graph.below[error][0])
    bounds = _bounds(given, graph.names[given])
    if bounds is None:
        return None
    return loss, operation(graph.names[given]), f"{factor:g}", *bounds


def _bounds(node: Node, name: str) -> tuple[str, str] | None:
    """Those of what an operation gives, as numbers; None where it has none."""
    known = next((both for begins, both in BOUNDED.items() if name.startswith(begins)), None)
    if known is None:
        return None
    low, high = (
        # A clamp without the one or the other keeps None.
        (without if (kept := getattr(node, one)) is None else kept) if isinstance(one, str) else one
        for one, without in zip(known, (-math.inf, math.inf), strict=True)
    )
    return f"{low:g}", f"{high:g}"


def small_logits(graph: Graph, above: Sequence[Node]) -> tuple[str, str] | None:
    """Logits within bounds in which a cross-entropy stays about where a guess has it.

    As products of normalized vectors are that are multiplied by a temperature, which they are to be
    divided by, or that are given as they are for very many classes.

    Returns:
        The bound, and the number of classes; None where a cross-entropy has none, or a wider one.
    """
    losses = [node for node in above if graph.names[node].startswith("NllLoss")]
    found = [_narrow(graph, graph.through_views(graph.below[node][0])) for node in losses]
    narrow = [one for one in found if one is not None]
    if not narrow or len(narrow) < len(losses):
        return None
    bound, classes = max(narrow)
    return f"{bound:g}", str(classes)


def _narrow(graph: Graph, softmax: Node) -> tuple[float, int] | None:
    """The bound of the logits of a log_softmax and their number, where that bound is too narrow."""
    classes = softmax_entries(softmax) if graph.names[softmax].startswith("LogSoftmax") else None
    if classes is None or classes < 2:
        return None
    node, bound, before = graph.below[softmax][0], 1.0, None
    while node is not before:
        before = node
        node, factor = _unscaled(graph, graph.through_views(node))
        bound *= abs(factor)
    if not _are_cosines(graph, node):
        return None
    # The true class as high as it gets, all others as low.
    lowest = math.log1p((classes - 1) * math.exp(-2 * bound))
    return (bound, classes) if lowest > NO_WAY_DOWN * math.log(classes) else None


def _are_cosines(graph: Graph, node: Node) -> bool:
    """Whether an operation makes the products of normalized vectors, none of which is beyond 1."""
    if graph.names[node].startswith("SumBackward1"):  # as cosine_similarity does
        node = graph.below[node][0]
        if not graph.names[node].startswith("Mul"):
            return False
    elif not graph.names[node].startswith(("MmBackward", "BmmBackward")):
        return False
    both = graph.below[node]
    return len(both) == 2 and all(_is_normalized(graph, graph.through_views(one)) for one in both)


def _is_normalized(graph: Graph, node: Node) -> bool:
    """Whether each vector is divided by its own norm, along the last dimension."""
    below = graph.below[node]
    if not graph.names[node].startswith("DivBackward") or len(below) != 2:
        return False
    norm = norm_below(graph, below[1])
    if norm is None:
        return False
    sizes, given = output_shape(norm) or (), graph.through_views(graph.below[norm][0])
    return sizes[-1:] == (1,) and given is graph.through_views(below[0])


def norm_below(graph: Graph, node: Node) -> Node | None:
    """The norm of vectors that a node hands on, from a lower bound on if it has one; else None."""
    node = graph.through_views(node)
    if graph.names[node].startswith("Clamp"):
        node = graph.through_views(graph.below[node][0])
    return node if graph.names[node].startswith(("LinalgVectorNorm", "Norm")) else None


def _unscaled(graph: Graph, node: Node) -> tuple[Node, float]:
    """A node without the numbers that it is multiplied or divided by, and their product."""
    factor = 1.0
    while len(graph.below[node]) == 1 and graph.names[node].startswith(("Mul", "Div")):
        other = saved_tensor(node, "other")
        if other is None or other.dim() or not other.is_cpu:
            break
        number = float(other)
        if not number:
            break
        factor = factor * number if graph.names[node].startswith("Mul") else factor / number
        node = graph.below[node][0]
    return node, factor


def _given_to_kl_div(reduced: Node) -> Node | None:
    """What is held against the target, as ``target * log(target) - target * given``.

    Or, of a target that is a logarithm, ``exp(target) * (target - given)``.
    """
    top = reduced.next_functions[0][0]
    target, product = _operands(top, "SubBackward")
    if product is not None and (target is None or target.name().startswith("Xlogy")):
        factor, given = _operands(product, "MulBackward")
    else:
        target, difference = _operands(top, "MulBackward")
        factor, given = _operands(difference, "SubBackward")
    # A target that needs no gradient has no node.
    return given if (factor is None) == (target is None) else None


def _operands(node: Node | None, name: str) -> tuple[Node | None, Node | None]:
    """The two of an operation of this name; neither where it is another one."""
    if node is None or not node.name().startswith(name) or len(node.next_functions) != 2:
        return None, None
    (first, _), (second, _) = node.next_functions
    return first, second
