"""Working memory that is kept: new memory is cold, and getting it costs more than the work."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gradwidget.capture.torch_private import without_modes
from gradwidget.frame import BoolArray

KEPT = 1 << 19
"""Entries that are kept per purpose and type; larger requests get memory of their own."""


class _Kept(threading.local):
    def __init__(self) -> None:
        self.numbers: dict[tuple[str, torch.dtype], Tensor] = {}
        self.flags = np.empty(KEPT, np.bool_)


_kept = _Kept()


def scratch(purpose: str, entries: int, dtype: torch.dtype) -> Tensor:
    """A vector [entries] on the CPU to write to; valid until the next call with the same purpose.

    Example:
        >>> torch.abs(torch.tensor([-3.0, 4.0]), out=scratch("magnitudes", 2, torch.float32))
        tensor([3., 4.])
    """
    if entries > KEPT:
        return new_memory(entries, dtype)
    memory = _kept.numbers.get((purpose, dtype))
    if memory is None:
        memory = _kept.numbers[purpose, dtype] = new_memory(KEPT, dtype)
    return memory[:entries]


def new_memory(entries: int, dtype: torch.dtype, device: torch.device | str = "cpu") -> Tensor:
    """A vector [entries] of memory that nothing was written to yet."""
    # What is made in inference mode could not be written to outside of it, what a dispatch mode
    # makes may be no memory at all, and torch's default device may be any.
    with torch.inference_mode(mode=False):
        return without_modes(lambda: torch.empty(entries, dtype=dtype, device=device))


def nonzero(values: NDArray[Any]) -> BoolArray:
    """Which values are not 0, in their shape; valid until the next call.

    Example:
        >>> nonzero(np.array([[0.0, 2.0]]))
        array([[False,  True]])
    """
    flags = _kept.flags[: values.size] if values.size <= KEPT else np.empty(values.size, np.bool_)
    found: BoolArray = np.not_equal(values, 0, out=flags.reshape(values.shape))
    return found
