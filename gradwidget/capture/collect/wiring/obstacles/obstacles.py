"""All of what the graph of a loss shows that may keep a network from learning."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from torch import nn

from gradwidget.capture.collect.wiring.broadcast.unlike_shapes import unlike_shapes
from gradwidget.capture.collect.wiring.graph import LEAF, VIEWS, Graph
from gradwidget.capture.collect.wiring.loss_path import added_up, between
from gradwidget.capture.collect.wiring.obstacles.constants import one_entry, rounded
from gradwidget.capture.collect.wiring.obstacles.loss_mismatch import (
    bounded,
    no_logarithm,
    no_targets,
    norm_below,
    small_logits,
    squashed,
)
from gradwidget.capture.collect.wiring.obstacles.pulled_together import pulled_together
from gradwidget.capture.collect.wiring.obstacles.scrambled_views import scrambled_view
from gradwidget.capture.collect.wiring.operations import PRODUCTS
from gradwidget.capture.collect.wiring.places import Places
from gradwidget.capture.hooks.returned_by import ReturnedBy
from gradwidget.capture.model.nonlinearity import Node, is_over_samples, softmax_dim
from gradwidget.capture.torch_private import output_shape
from gradwidget.frame import Obstacle

Obstacles = Mapping[Obstacle, tuple[str, ...]]
"""As in ``Wiring.obstacles``."""
CERTAIN: frozenset[Obstacle] = frozenset({"no logarithm", "unlike shapes"})
"""Those that one graph proves, whatever others of the same run show."""
ALIKE: frozenset[Obstacle] = frozenset({"bounded"})
"""Those that count only where all graphs of a run have the same particulars."""
STRAIGHT = (
    *VIEWS,
    LEAF,
    "AddBackward",
    "SubBackward",
    "Neg",
    "Mean",
    "Sum",
    "Cat",
    "Stack",
    "Split",
    "Unbind",
    "AvgPool",
    "AdaptiveAvgPool",
    "MkldnnAdaptiveAvgPool",
    "ConstantPadNd",
    "NativeDropout",
    "NativeBatchNorm",
    "CudnnBatchNorm",
)
"""How the names of operations begin that are linear in what they are given, or in all but a scale.
"""
SCALING = ("MulBackward", "DivBackward")
"""The same of those that are so where the other operand is a constant or a parameter."""
DIFFERENCES = ("SubBackward", "RsubBackward", "ExpandBackward")
"""Operations that hold outputs against targets, or spread them out for it."""
AFTER_SCORES = (
    *VIEWS,
    "Add",
    "Sub",
    "Mul",
    "Div",
    "MaskedFill",
    "Where",
    "Permute",
    "NativeDropout",
)
"""The same of those that may lie between the products of an attention and its softmax."""
PRODUCT = "BmmBackward"
"""The same of a product of each of many matrices with one of its own."""
FLAT_SLOPES = ("ThresholdBackwardBackward", "LeakyReluBackwardBackward")
"""Slopes of ReLU as a part of the loss: they do not change with what it is given."""


def obstacles(
    graph: Graph, places: Places, returned_by: ReturnedBy | None = None, *, is_first: bool = True
) -> Obstacles:
    """What there is of them, in words each, the surest first.

    Args:
        graph: of a backward pass.
        places: the outputs of the layers in it.
        returned_by: the modules that have made them, and what comes after them.
        is_first: whether it is the first pass of its step; the loss of the step is then perhaps
            that of this pass alone.
    """
    above = list(between(graph, places))
    inside = graph.below.keys() - set(above)
    described: dict[Obstacle, tuple[str, ...] | None] = {
        "no logarithm": no_logarithm(graph, above),
        "unlike shapes": unlike_shapes(graph, above, places),
        "bounded": bounded(graph) if is_first else None,
        "one entry": one_entry(graph, places),
        "rounded": rounded(graph, places),
        "scrambled": scrambled_view(graph, places),
        "attends over samples": attends_over_samples(graph),
        "squashed": None if returned_by is None else squashed(graph, above, returned_by),
        "small logits": small_logits(graph, above),
        "added up": added_up(graph),
    }
    seen: dict[Obstacle, bool] = {
        "every pair": any(_is_of_every_pair(node, graph) for node in above),
        "no targets": no_targets(graph, above),
        "over samples": any(is_over_samples(node) for node in above),
        "flat slopes": any(name.startswith(FLAT_SLOPES) for name in graph.names.values()),
        "pulled together": pulled_together(graph, places),
        "no bend": all(_is_straight(node, graph) for node in inside),
    }
    found = {one: words for one, words in described.items() if words is not None}
    return found | {one: () for one, is_so in seen.items() if is_so}


def attends_over_samples(graph: Graph) -> tuple[str, str] | None:
    """An attention whose softmax runs over the first dimension, not over what is attended to.

    Between two products of batches of matrices, the first dimension numbers these matrices: what it
    numbers is kept apart by both products. So it is whatever the order of time and samples in the
    layers is; a softmax that pools over time lies between no such products.

    Returns:
        The length of that dimension and the shape of the scores; None where there is no such one.
    """
    for node, name in graph.names.items():
        if name != "SoftmaxBackward0":
            continue
        shape = output_shape(node)
        if shape is None or len(shape) < 3 or softmax_dim(node) not in {0, -len(shape)}:
            continue
        # Where lengths are the same, dimensions may have changed places on the way.
        is_clear = shape[0] > 1 and shape[0] not in shape[-2:]
        if is_clear and _is_of_products(node, shape, graph) and _is_given_to_product(node, graph):
            return str(shape[0]), str(list(shape))
    return None


def _is_of_products(softmax: Node, shape: tuple[int, ...], graph: Graph) -> bool:
    """Whether scores of this shape are what one product of batches of matrices has made."""
    made = (prod(shape[:-2]), *shape[-2:])
    waiting, seen = list(graph.below[softmax]), set[Node]()
    while waiting:
        node = waiting.pop()
        name = graph.names[node]
        if name.startswith(PRODUCT) and output_shape(node) == made:
            return True
        if node not in seen and name.startswith(AFTER_SCORES):
            seen.add(node)
            waiting += graph.below[node]
    return False


def _is_given_to_product(softmax: Node, graph: Graph) -> bool:
    """Whether another such product uses what a softmax gives."""
    users = graph.users()
    waiting, seen = list(users.get(softmax, ())), set[Node]()
    while waiting:
        node = waiting.pop()
        name = graph.names[node]
        if name.startswith(PRODUCT):
            return True
        if node not in seen and name.startswith(AFTER_SCORES):
            seen.add(node)
            waiting += users.get(node, ())
    return False


def only_an_attribute(model: nn.Module | None) -> Obstacles:
    """The first module whose ``requires_grad`` is set to True, which does nothing to parameters.

    Of those that have frozen ones: somebody thinks that they are trained.
    """
    for name, module in () if model is None else model.named_modules():
        is_set = vars(module).get("requires_grad") is True
        if is_set and not all(one.requires_grad for one in module.parameters()):
            return {"only an attribute": (name,)}
    return {}


def together(before: Obstacles | None, found: Obstacles) -> Obstacles:
    """What several graphs show: what is in all of them, and what one proves.

    Args:
        before: that of the graphs before; None where there were none.
        found: that of one more.
    """
    if before is None:
        return found
    both = {**found, **before}

    def holds(one: Obstacle) -> bool:
        is_alike = one not in ALIKE or before.get(one) == found.get(one)
        return one in CERTAIN or (one in before and one in found and is_alike)

    return {one: both[one] for one in both if holds(one)}


def _is_of_every_pair(node: Node, graph: Graph) -> bool:
    """Whether N outputs become a square of N, held against something that is no output."""
    below = graph.below[node]
    if not graph.names[node].startswith(DIFFERENCES) or len(below) != 1:
        return False
    if norm_below(graph, below[0]) is not None:
        return False  # N vectors of N entries, each of them divided by it
    made, given = output_shape(node), output_shape(below[0])
    if made is None or given is None or len(made) != 2 or made[0] != made[1] or made[0] < 2:
        return False
    return given in {made[:1], (made[0], 1)}


def _is_straight(node: Node, graph: Graph) -> bool:
    name = graph.names[node]
    if name.startswith((*PRODUCTS, *SCALING)) and not name.startswith("Embedding"):
        own = len(list(graph.parameters_of(node)))
        return len(graph.below[node]) - own < 2
    return name.startswith(STRAIGHT)
