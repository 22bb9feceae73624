"""What a user logs, as it can be recorded."""

from __future__ import annotations

import math
from numbers import Real

import torch
from torch import Tensor

from gradwidget.capture.stats.readback import as_numpy
from gradwidget.capture.torch_private import unseen

MOST_LOGGED = 64
"""Names that ``log`` records at most: each is kept for the whole run, at every step."""

TOO_MANY = (
    f"log() was given more than {MOST_LOGGED} names; only the first {MOST_LOGGED} are recorded"
)


def recordable(name: str, value: object) -> tuple[float | Tensor | None, str]:
    """A logged value, and what has to be said of it.

    Args:
        name: its name, for messages.
        value: what was given.

    Returns:
        The value, as a tensor where it would have to be waited for, None where it has none; and a
        sentence where it is not recorded as it was given, else nothing.

    Raises:
        TypeError: it is neither a real number nor a tensor of one.

    Example:
        >>> recordable("loss", torch.tensor([0.5])), recordable("loss", 10**400)[0]
        ((0.5, ''), inf)
    """
    if isinstance(value, Tensor):
        return _of_tensor(name, value)
    if isinstance(value, Real):
        return _of_number(name, value)
    raise _not_one(name, type(value).__name__)


def _not_one(name: str, kind: str) -> TypeError:
    return TypeError(f"{name} must be a number or a tensor of one element, not {kind}")


@unseen
def _of_tensor(name: str, value: Tensor) -> tuple[float | Tensor | None, str]:
    if value.is_nested:
        raise _not_one(name, type(value).__name__)
    if value.is_complex():
        raise _not_one(name, "a complex one")
    if value.numel() != 1:
        raise _not_one(name, f"one of shape {tuple(value.shape)}")
    if value.is_meta or value.is_quantized or value.layout is not torch.strided:
        kind = "meta" if value.is_meta else f"{value.layout}, {value.dtype}"
        return None, f"{name} is not recorded: the value of such a tensor ({kind}) cannot be read"
    if not value.is_cpu:
        return value, ""
    try:
        return as_numpy(value).item(), ""
    except Exception as error:  # noqa: BLE001 - a tensor of another library's, or inside a transform
        return None, f"{name} is not recorded: its tensor cannot be read ({error})"


def _of_number(name: str, value: Real) -> tuple[float | None, str]:
    try:
        return float(value), ""
    except OverflowError:
        return (
            -math.inf if value < 0 else math.inf,
            f"{name} is recorded as infinite: it is too large",
        )
    except Exception as error:  # noqa: BLE001 - a number type of another library's
        return None, f"{name} is not recorded: it cannot be converted to a float ({error})"
