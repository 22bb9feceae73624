"""Which operation has made a NaN or an infinity of numbers that were finite."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from gradwidget.capture.model.nonlinearity import Node
from gradwidget.capture.model.unreadable import plain, unreadable
from gradwidget.capture.torch_private import saved_tensor

Test = Callable[[Node], bool]


def makes_nonfinite(node: Node) -> bool:
    """Whether what an operation has kept shows that it left its domain, or gave what is not finite.

    Of those that keep only their result the latter counts, so what they were given has to be known
    to be finite, or to be made so by a mask.
    """
    test = next((test for begins, test in TESTS.items() if node.name().startswith(begins)), None)
    return test is not None and test(node)


def only_passes_on(name: str, bad: Tensor) -> bool:
    """Whether a value is -inf on purpose: a logarithm of what a mask has left out."""
    if not name.startswith(TAKE_MASKS):
        return False
    values = plain(bad)
    return not bool((torch.isnan(values) | torch.isposinf(values)).any())


TAKE_MASKS = ("LogSoftmax", "Logsumexp", "NllLoss")
"""How the names of operations begin to which -inf is a probability of 0; none of them makes it."""


def _is_any(name: str, is_so: Callable[[Tensor], Tensor]) -> Test:
    """Whether any entry of what it kept under a name is so."""

    def test(node: Node) -> bool:
        kept = saved_tensor(node, name)
        if kept is None or unreadable(kept) is not None or kept.is_complex():
            return False
        return bool(is_so(plain(kept)).any())

    return test


def _is_bad(values: Tensor) -> Tensor:
    return ~torch.isfinite(values)


def _has_no_power(node: Node) -> bool:
    exponent, base = getattr(node, "_saved_exponent", None), saved_tensor(node, "self")
    if not isinstance(exponent, int | float) or base is None or unreadable(base) is not None:
        return False
    if base.is_complex() or not math.isfinite(exponent):
        return False
    base = plain(base)
    is_root = exponent != int(exponent)
    return bool((is_root and (base < 0).any()) or (exponent < 0 and (base == 0).any()))


def _is_of_nothing(node: Node) -> bool:
    return getattr(node, "_saved_self_sym_numel", None) == 0 or (
        0 in (getattr(node, "_saved_self_sym_sizes", None) or ())
    )


TESTS: dict[str, Test] = {
    "LogBackward": _is_any("self", lambda x: x <= 0),
    "Log2Backward": _is_any("self", lambda x: x <= 0),
    "Log10Backward": _is_any("self", lambda x: x <= 0),
    "Log1PBackward": _is_any("self", lambda x: x <= -1),
    "SqrtBackward": _is_any("result", torch.isnan),  # infinite only of what is so
    "RsqrtBackward": _is_any("result", _is_bad),
    "ReciprocalBackward": _is_any("result", _is_bad),
    "DivBackward": _is_any("other", lambda x: x == 0),
    "PowBackward0": _has_no_power,
    "PowBackward1": _is_any("result", _is_bad),
    "ExpBackward": _is_any("result", torch.isposinf),
    "SoftmaxBackward": _is_any("result", torch.isnan),
    "AcosBackward": _is_any("self", lambda x: x.abs() > 1),
    "AsinBackward": _is_any("self", lambda x: x.abs() > 1),
    "StdBackward": _is_any("result", torch.isnan),
    "MeanBackward": _is_of_nothing,
    "NllLoss": _is_any("total_weight", lambda x: x == 0),
}
"""By how the name of the operation begins."""
