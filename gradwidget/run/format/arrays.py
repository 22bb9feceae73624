"""Arrays in JSON: their bytes, little-endian, in base64."""

from __future__ import annotations

from base64 import b64encode
from binascii import a2b_base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradwidget.frame import BoolArray


def packed(values: NDArray[Any], kind: str) -> str:
    """The text that stands for an array.

    Args:
        values: any array of one dimension.
        kind: the format of its numbers, ``"<f4"``, ``"<f8"`` or ``"<i8"``.

    Example:
        >>> packed(np.array([1.0, 2.0]), "<f4")
        'AACAPwAAAEA='
    """
    return b64encode(np.ascontiguousarray(values, kind).tobytes()).decode()


def unpacked(text: object, kind: str, count: int | None = None) -> NDArray[Any]:
    """The array again.

    Args:
        text: what stands for it.
        kind: the format of its numbers.
        count: how many there must be; None for any number.

    Raises:
        ValueError: the text stands for no such array.

    Example:
        >>> unpacked("AACAPwAAAEA=", "<f4")
        array([1., 2.], dtype=float32)
    """
    if not isinstance(text, str):
        message = "an array must be text"
        raise ValueError(message)  # noqa: TRY004 - it is the file that is wrong
    values = np.frombuffer(a2b_base64(text), kind).astype(kind[1:])
    if count is not None and len(values) != count:
        message = f"{len(values)} values instead of {count}"
        raise ValueError(message)
    return values


def packed_flags(flags: BoolArray) -> str:
    """Bools as bits, eight to a byte, the first one highest."""
    return b64encode(np.packbits(flags).tobytes()).decode()


def unpacked_flags(text: object, count: int) -> BoolArray:
    """The bools again.

    Raises:
        ValueError: the text does not stand for this many.
    """
    octets = unpacked(text, "<u1", (count + 7) // 8)
    return np.unpackbits(octets, count=count).astype(np.bool_)
