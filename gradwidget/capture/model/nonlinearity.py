"""The elementwise nonlinearities: how one is recognised in a graph, redone, and judged saturated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules import activation

FLAT = 0.05
"""An output is saturated where the slope is under this share of the steepest (Glorot & Bengio 2010
look at the same tails): |tanh| > 0.975, a sigmoid outside of 0.013 … 0.987."""
CERTAIN = 0.99
"""A softmax is saturated where one entry has more than this."""

TANH_FLAT = (1 - FLAT) ** 0.5
SIGMOID_FLAT = TANH_FLAT / 2  # around 0.5: sigmoid(2x) = (1 + tanh x) / 2

Apply = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Nonlinearity:
    """What follows a layer."""

    kind: str
    """Such as ``"relu"``."""

    apply: Apply
    """The function itself, with the parameters that it was seen with, for many tensors at once
    [tensors, ...]."""

    saturated: Apply | None = None
    """Bool tensor of which outputs are in the flats; None for a function that has none to get stuck
    in."""

    pointwise: bool = True
    """Whether each entry of the output depends on its own entry of the input alone."""

    def applied(self) -> Nonlinearity:
        """The same for tensors on which it was already carried out, in place."""
        return replace(self, apply=lambda x: x)


def recognised(node: Any) -> Nonlinearity | None:  # noqa: ANN401  # nodes of the graph have no common type
    """The nonlinearity of a node of the autograd graph; None where it is something else.

    Only numbers are read from the node, never a saved tensor: unpacking one may recompute a whole
        checkpoint.
    """
    make = _MADE_FROM.get(node.name())
    return None if make is None else make(node)


def is_nonlinear(module: nn.Module) -> bool:
    """Whether it is one of torch's own activation modules."""
    return type(module).__module__ == activation.__name__


def of_module(module: nn.Module, taken: Tensor) -> Nonlinearity | None:
    """The nonlinearity that an activation module is, with its parameters; None where it is not an
    elementwise one.

    Args:
        module: a module that has run.
        taken: what it was given; the number of its dimensions matters.
    """
    if any(True for _ in module.parameters()) or isinstance(module, nn.RReLU):
        return None  # RReLU draws random numbers
    with torch.enable_grad():
        one = torch.ones(
            [1] * taken.dim(), requires_grad=True
        ).clone()  # a copy: an in-place module refuses a leaf
        return recognised(module.forward(one).grad_fn)


def _softmax_dim(node: Any) -> int:  # noqa: ANN401  # see recognised
    dim: int = node._saved_dim  # noqa: SLF001  # a number, kept unsigned by torch
    return dim - 2**64 if dim >= 2**63 else dim


def _softmax(node: Any) -> Nonlinearity:  # noqa: ANN401  # see recognised
    dim = _softmax_dim(node)
    dim += dim >= 0  # of many tensors at once, behind the first dimension
    return Nonlinearity(
        "softmax", lambda x: x.softmax(dim), lambda y: y.amax(dim) > CERTAIN, pointwise=False
    )


def _hardtanh(node: Any) -> Nonlinearity:  # noqa: ANN401  # see recognised
    low, high = node._saved_min_val, node._saved_max_val  # noqa: SLF001  # numbers
    return Nonlinearity(
        "hardtanh", lambda x: x.clamp(low, high), lambda y: (y <= low) | (y >= high)
    )


def _clamp(node: Any) -> Nonlinearity | None:  # noqa: ANN401  # see recognised
    low = node._saved_min  # noqa: SLF001  # a number
    is_relu = low == 0 and getattr(node, "_saved_max", None) is None
    return _plain("relu", torch.relu)(node) if is_relu else None


def _leaky_relu(node: Any) -> Nonlinearity:  # noqa: ANN401  # see recognised
    slope = node._saved_negative_slope  # noqa: SLF001  # a number
    return Nonlinearity("leaky_relu", lambda x: functional.leaky_relu(x, slope))


def _elu(node: Any) -> Nonlinearity:  # noqa: ANN401  # see recognised
    alpha, scale, inner = node._saved_alpha, node._saved_scale, node._saved_input_scale  # noqa: SLF001  # numbers
    return Nonlinearity(
        "elu", lambda x: torch.where(x > 0, scale * x, scale * alpha * torch.expm1(inner * x))
    )


def _gelu(node: Any) -> Nonlinearity:  # noqa: ANN401  # see recognised
    approximate = node._saved_approximate  # noqa: SLF001  # a word
    return Nonlinearity("gelu", lambda x: functional.gelu(x, approximate=approximate))


def _softplus(node: Any) -> Nonlinearity:  # noqa: ANN401  # see recognised
    beta, threshold = node._saved_beta, node._saved_threshold  # noqa: SLF001  # numbers
    return Nonlinearity("softplus", lambda x: functional.softplus(x, beta, threshold))


def _threshold(node: Any) -> Nonlinearity:  # noqa: ANN401  # see recognised
    threshold = node._saved_threshold  # noqa: SLF001  # a number
    return Nonlinearity("threshold", lambda x: torch.where(x > threshold, x, torch.zeros_like(x)))


def _plain(
    kind: str, apply: Apply, saturated: Apply | None = None
) -> Callable[[Any], Nonlinearity]:
    found = Nonlinearity(kind, apply, saturated)
    return lambda _: found


_MADE_FROM: dict[str, Callable[[Any], Nonlinearity | None]] = {
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
