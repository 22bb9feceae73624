"""Memory for copies of large weights that is used again, whichever weights are copied next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import torch
from torch import Tensor

from gradwidget.capture.stats.norms import memory_order
from gradwidget.capture.stats.scratch import new_memory

ALIGNED = 64
"""Bytes at whose multiples a copy begins: a line of the cache, and a whole number of entries."""


class SnapshotMemory:
    """One block of bytes for each device, which grows to what a step has needed at most.

    New memory is cold: where layers take turns, getting it would cost more than the copies.

    Example:
        >>> memory, weight = SnapshotMemory(), torch.ones(2, 3)
        >>> memory.begin([weight])
        >>> memory.place_for(weight).copy_(weight).sum()
        tensor(6.)
    """

    def __init__(self) -> None:
        self._blocks: dict[torch.device, Tensor] = {}
        self._used: Counter[torch.device] = Counter()

    def begin(self, weights: Iterable[Tensor]) -> None:
        """All places are free again, and there are enough for these weights together."""
        self._used.clear()
        needed: Counter[torch.device] = Counter()
        for weight in weights:
            needed[weight.device] += _size(weight)
        for device, size in needed.items():
            if device not in self._blocks or len(self._blocks[device]) < size:
                self._blocks.pop(device, None)  # before the new one comes
                self._blocks[device] = new_memory(size, torch.uint8, device)

    def place_for(self, weight: Tensor) -> Tensor:
        """Memory for one of them, in its shape and type, and its order where that has no gaps."""
        start = self._used[weight.device]
        self._used[weight.device] = start + _size(weight)
        block = self._blocks[weight.device]
        entries = block[start : start + weight.nbytes].view(weight.dtype)
        order = memory_order(weight)
        laid_out = weight.permute(order)
        if not laid_out.is_contiguous():
            return entries.view(weight.shape)
        back = sorted(range(len(order)), key=order.__getitem__)
        return entries.view(laid_out.shape).permute(back)


def _size(weight: Tensor) -> int:
    return -(-weight.nbytes // ALIGNED) * ALIGNED
