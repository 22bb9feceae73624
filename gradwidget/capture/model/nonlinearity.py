"""The activation functions: how one is found in the autograd graph, redone, and judged saturated.

It does not matter whether it is a module, a function or a method, in place or not: what is read is
the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import get_gradient_edge
from torch.nn import functional
from torch.nn.modules import activation

from gradwidget.capture.model.most_nodes import most_nodes
from gradwidget.capture.torch_private import output_shape, signed

FLAT = 0.05
"""An output is saturated where the slope is under this share of the steepest.

Glorot & Bengio (2010) look at the same tails: |tanh| > 0.975, a sigmoid outside of 0.013 … 0.987.
"""
CERTAIN = 0.99
"""A softmax is saturated where one entry has more than this."""

TANH_FLAT = (1 - FLAT) ** 0.5
SIGMOID_FLAT = TANH_FLAT / 2  # around 0.5: sigmoid(2x) = (1 + tanh x) / 2

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
    "_ToTorchTensorBackward",
    "_FromTorchTensorBackward",
    "RedistributeBackward",
)
"""Nodes that change the shape or the format of what passes, or which process has what of it, not
its values."""

Apply = Callable[[Tensor], Tensor]

Node = Any
"""A node of the autograd graph; torch's have no common type."""


@dataclass(frozen=True, slots=True, eq=False)
class Nonlinearity:
    """An activation function, with the parameters that it was seen with."""

    kind: str
    """Such as ``"relu"``."""

    apply: Apply
    """The function itself, for many tensors at once [tensors, ...]."""

    saturated: Apply | None = None
    """Which outputs are saturated, as a bool tensor; None for a function that cannot be."""

    pointwise: bool = True
    """Whether each entry of its output depends on one entry of its input alone."""

    def applied(self) -> Nonlinearity:
        """The same for tensors to which it has been applied already, in place."""
        return replace(self, apply=lambda x: x)


def node_of(tensor: Tensor) -> Node:
    """The node that made a tensor; for a leaf the one that accumulates its gradient."""
    made = tensor.grad_fn
    return get_gradient_edge(tensor).node if made is None else made


def find_nonlinearities(
    roots: Sequence[Tensor], outputs: Mapping[Node, int]
) -> dict[int, Nonlinearity | None]:
    """Walks the graph from the roots of a backward pass.

    Args:
        roots: where backward starts.
        outputs: the node that made each output of interest, and a number for it.

    Returns:
        The activation function of each output, by its number; None where it has none, and where it
        is not known because the graph is too large (``most_nodes``). Outputs that no way leads to
        are missing.
    """
    found: dict[int, Nonlinearity | None] = {}
    stack = [node_of(root) for root in roots if root.requires_grad]
    seen: set[Node] = set(stack)
    most = most_nodes()
    while stack and len(seen) < most:
        node = stack.pop()
        if node in outputs:
            found.setdefault(outputs[node], None)
        below = [one for one, _ in node.next_functions if one is not None]
        # An activation function is that of the outputs right below it, through mere views.
        nonlinearity = recognize(node)
        if nonlinearity is not None:
            for one in _without_views(below, outputs):
                if one in outputs:
                    found[outputs[one]] = found.get(outputs[one]) or nonlinearity
        for one in below:
            if one not in seen:
                seen.add(one)
                stack.append(one)
    if stack:
        found = dict.fromkeys(outputs.values()) | found
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


def recognize(node: Node) -> Nonlinearity | None:
    """The activation function of a node of the autograd graph; None where it is something else.

    Only numbers are read from the node, never a saved tensor: unpacking one may recompute a whole
    checkpoint.
    """
    make = _MADE_FROM.get(node.name())
    return None if make is None else make(node)


def is_nonlinear(module: nn.Module) -> bool:
    """Whether it is one of torch's own activation modules."""
    return type(module).__module__ == activation.__name__


def nonlinearity_of(module: nn.Module, given: Tensor) -> Nonlinearity | None:
    """The activation function that a module is; None where it is not a known one.

    Args:
        module: a module that has run.
        given: what it was given; the number of its dimensions matters.
    """
    if any(True for _ in module.parameters()) or isinstance(module, nn.RReLU):
        return None  # RReLU draws random numbers
    with torch.enable_grad():
        one = torch.ones(
            [1] * given.dim(), device="cpu", requires_grad=True
        ).clone()  # a copy: an in-place module refuses a leaf
        return recognize(module.forward(one).grad_fn)


def softmax_dim(node: Node) -> int:
    """The dimension over which a softmax runs, as it was given."""
    return signed(node._saved_dim)  # noqa: SLF001  # a number


def softmax_entries(node: Node) -> int | None:
    """How many entries a softmax makes one in all of; None where that is not known."""
    shape = output_shape(node)
    return None if shape is None else shape[softmax_dim(node)]


def is_over_samples(node: Node) -> bool:
    """Whether it is a softmax of a matrix [N, classes] that runs over the N samples."""
    shape = output_shape(node) if node.name() in {"SoftmaxBackward0", "LogSoftmaxBackward0"} else ()
    return shape is not None and len(shape) == 2 and softmax_dim(node) in {0, -2}


def _softmax(node: Node) -> Nonlinearity:
    dim = softmax_dim(node)
    dim += dim >= 0  # of many tensors at once, behind the first dimension
    return Nonlinearity(
        "softmax",
        lambda x: x.softmax(dim),
        # Of a single entry it is always 1, which says nothing of what it is given.
        lambda y: (y.amax(dim) > CERTAIN) & (y.shape[dim] > 1),
        pointwise=False,
    )


def _hardtanh(node: Node) -> Nonlinearity:
    low, high = node._saved_min_val, node._saved_max_val  # noqa: SLF001  # numbers
    return Nonlinearity(
        "hardtanh", lambda x: x.clamp(low, high), lambda y: (y <= low) | (y >= high)
    )


def _clamp(node: Node) -> Nonlinearity | None:
    low = node._saved_min  # noqa: SLF001  # a number
    is_relu = low == 0 and getattr(node, "_saved_max", None) is None
    return _plain("relu", torch.relu)(node) if is_relu else None


def _leaky_relu(node: Node) -> Nonlinearity:
    slope = node._saved_negative_slope  # noqa: SLF001  # a number
    return Nonlinearity("leaky_relu", lambda x: functional.leaky_relu(x, slope))


def _elu(node: Node) -> Nonlinearity:
    alpha, scale, inner = node._saved_alpha, node._saved_scale, node._saved_input_scale  # noqa: SLF001  # numbers
    return Nonlinearity(
        "elu", lambda x: torch.where(x > 0, scale * x, scale * alpha * torch.expm1(inner * x))
    )


def _gelu(node: Node) -> Nonlinearity:
    approximate = node._saved_approximate  # noqa: SLF001  # a word
    return Nonlinearity("gelu", lambda x: functional.gelu(x, approximate=approximate))


def _softplus(node: Node) -> Nonlinearity:
    beta, threshold = node._saved_beta, node._saved_threshold  # noqa: SLF001  # numbers
    return Nonlinearity("softplus", lambda x: functional.softplus(x, beta, threshold))


def _threshold(node: Node) -> Nonlinearity:
    threshold = node._saved_threshold  # noqa: SLF001  # a number
    return Nonlinearity("threshold", lambda x: torch.where(x > threshold, x, torch.zeros_like(x)))


def _plain(
    kind: str, apply: Apply, saturated: Apply | None = None
) -> Callable[[Node], Nonlinearity]:
    found = Nonlinearity(kind, apply, saturated)
    return lambda _: found


_MADE_FROM: dict[str, Callable[[Node], Nonlinearity | None]] = {
    "ReluBackward0": _plain("relu", torch.relu),
    "ClampMinBackward0": _clamp,
    "ClampBackward1": _clamp,
    "ThresholdBackward0": _threshold,
    "HardtanhBackward0": _hardtanh,
    "LeakyReluBackward0": _leaky_relu,
    "LeakyReluBackward1": _leaky_relu,
    "EluBackward0": _elu,
    "GeluBackward0": _gelu,
    "SiluBackward0": _plain("silu", functional.silu),
    "MishBackward0": _plain("mish", functional.mish),
    "SoftplusBackward0": _softplus,
    "HardswishBackward0": _plain("hardswish", functional.hardswish),
    "HardsigmoidBackward0": _plain(
        "hardsigmoid", functional.hardsigmoid, lambda y: (y <= 0) | (y >= 1)
    ),
    "SigmoidBackward0": _plain("sigmoid", torch.sigmoid, lambda y: (y - 0.5).abs() > SIGMOID_FLAT),
    "TanhBackward0": _plain("tanh", torch.tanh, lambda y: y.abs() > TANH_FLAT),
    "SoftmaxBackward0": _softmax,
}
