"""Whether a large gradient is still as it was when it was read."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gradwidget.capture.model.unreadable import unreadable
from gradwidget.capture.stats.norms import PIECE, at_least_single, in_memory_order, memory_order
from gradwidget.capture.torch_private import version

SPREAD = 8191
"""Entries from one that is looked at to the next: a prime, so that all columns have some."""


def can_be_watched(tensor: Tensor) -> bool:
    """Whether it is an ordinary tensor on the CPU that fills its memory without gaps."""
    return (
        type(tensor) is Tensor
        and unreadable(tensor) is None
        and tensor.is_cpu
        and tensor.layout is torch.strided
        and tensor.is_floating_point()
        and not tensor.is_inference()  # which has no version
        and tensor.permute(memory_order(tensor)).is_contiguous()
    )


class Untouched:
    """What a tensor was like at one time; but for few entries nothing of it is kept.

    What writes to it raises its version, and what replaces it has another place. Writing through
    ``.data``, or by another library, shows in the entries alone: those that are looked at are
    spread evenly, and the largest is one of them. What changes a few others is not seen.

    Args:
        tensor: one that ``can_be_watched``.

    Example:
        >>> gradient = torch.ones(10_000)
        >>> before = Untouched(gradient)
        >>> before.is_still(gradient)
        True
        >>> _ = gradient.data.mul_(2)
        >>> before.is_still(gradient)
        False
    """

    def __init__(self, tensor: Tensor) -> None:
        self._mark = _mark(tensor)
        self._entries = _spread(tensor).clone()
        self._largest: tuple[int, float] | None = None

    def note_largest(self, tensor: Tensor, piece: int) -> None:
        """Finds the largest |x|, which shows whether values are bounded.

        Args:
            tensor: it again.
            piece: number of the piece that has it, in memory.
        """
        start = piece * PIECE
        entries = at_least_single(in_memory_order(tensor.detach())[start : start + PIECE])
        place = start + int(np.argmax(np.abs(entries.numpy())))
        self._largest = place, _entry(tensor, place)

    def is_still(self, tensor: Tensor) -> bool:
        """Whether it is this tensor, and unchanged as far as seen."""
        if _mark(tensor) != self._mark or not torch.equal(_spread(tensor), self._entries):
            return False
        return self._largest is None or _entry(tensor, self._largest[0]) == self._largest[1]


def _mark(tensor: Tensor) -> tuple[object, ...]:
    return id(tensor), version(tensor), tensor.data_ptr(), tensor.shape, tensor.dtype


def _spread(tensor: Tensor) -> Tensor:
    return at_least_single(in_memory_order(tensor.detach())[::SPREAD])


def _entry(tensor: Tensor, place: int) -> float:
    entry: float = in_memory_order(tensor.detach())[place].item()
    return entry
