"""Gathers small tensors of many layers until one call can measure all of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gradwidget.capture.guard import Guard
from gradwidget.capture.stats.norms import TOGETHER
from gradwidget.capture.stats.readback import Fetch, Readback, Values, never_sent

MOST = 256
"""Tensors that are gathered at most: of more, the call that measures them is not what costs."""

MeasureRows = Callable[[Tensor, Readback], tuple[Fetch, Fetch]]
"""Measures rows [rows, ...]: float64 [statistics, rows], and float64 [rows, units]."""


@dataclass(slots=True)
class RowStatistics:
    """The statistics of rows that are measured together."""

    # The function by that name when this is made: what compares with it sees the same one.
    values: Fetch = field(default_factory=lambda: never_sent)
    """Float64 [statistics, rows]; once the rows were measured and the readback is ready."""
    units: Fetch = field(default=never_sent)
    """Float64 [rows, units]."""


class Slot(NamedTuple):
    """Where the statistics of one tensor will be."""

    rows: RowStatistics
    row: int

    @classmethod
    def unmeasured(cls) -> Slot:
        """A slot of a tensor that could not be read."""
        return cls(RowStatistics(), 0)

    @property
    def is_measured(self) -> bool:
        """False as long as the rows were not measured, and where that has failed."""
        return self.rows.values is not never_sent

    def values(self) -> Values:
        """Float64 [statistics]. Only once the readback is ready, and where it is measured."""
        column: Values = self.rows.values()[:, self.row]
        return column

    def units(self) -> Values:
        """Float64 [units]. Only once the readback is ready."""
        row: Values = self.rows.units()[self.row]
        return row


def gather(slots: Sequence[Slot]) -> Values:
    """The statistics of many slots: float64 [statistics, slots].

    Only once the readback is ready. All slots are measured and have equally many statistics; there
    is at least one.
    """
    batches: dict[int, tuple[RowStatistics, list[int], list[int]]] = {}
    for number, (batch, row) in enumerate(slots):
        _, numbers, rows = batches.setdefault(id(batch), (batch, [], []))
        numbers.append(number)
        rows.append(row)
    statistics = np.empty((len(slots[0].rows.values()), len(slots)))
    for batch, numbers, rows in batches.values():
        statistics[:, numbers] = batch.values()[:, rows]
    return statistics


class StagingBuffer:
    """Holds copies of tensors of one shape until they are measured.

    Args:
        like: a tensor of the shape, type and device of all that will be put in.
        measure: measures the rows; it may overwrite their memory.

    Example:
        >>> readback = Readback()
        >>> sums = lambda rows, readback: (readback.add(rows.sum(1)[None]), never_sent)
        >>> buffer = StagingBuffer(torch.ones(3), sums)
        >>> slot = buffer.put(torch.ones(3), readback)
        >>> buffer.flush(readback)
        True
        >>> slot.values()
        array([3.])
    """

    def __init__(self, like: Tensor, measure: MeasureRows) -> None:
        self.kind = f"tensors of shape {tuple(like.shape)} and type {like.dtype}"
        """What it holds, in words."""
        self._capacity = max(1, min(MOST, TOGETHER // like.numel()))
        dtype = torch.float64 if like.dtype is torch.float64 else torch.float32
        self._memory = torch.empty((self._capacity, *like.shape), dtype=dtype, device=like.device)
        self._rows: list[Tensor] = []
        """Views of single rows: each is made once, when it is first written to."""
        self._measure = measure
        self._count = 0
        self._statistics = RowStatistics()

    def tensors(self) -> Iterator[Tensor]:
        """The memory, as a whole and row by row."""
        yield self._memory
        yield from self._rows

    def put(self, tensor: Tensor, readback: Readback) -> Slot:
        """Copies a tensor in; its statistics will be in the slot returned."""
        if self._count == self._capacity:
            self.flush(readback)
        if self._count == len(self._rows):
            self._rows.append(self._memory[self._count])
        self._rows[self._count].copy_(tensor)
        self._count += 1
        return Slot(self._statistics, self._count - 1)

    def flush(self, readback: Readback) -> bool:
        """Measures what is in and empties the buffer; returns whether anything was in."""
        if not self._count:
            return False
        statistics, self._statistics = self._statistics, RowStatistics()
        rows, self._count = self._memory[: self._count], 0
        statistics.values, statistics.units = self._measure(rows, readback)
        return True


class StagingBuffers:
    """All staging buffers of a capture, kept from step to step as long as they are used.

    Args:
        guard: contains failures.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._buffers: dict[Hashable, StagingBuffer] = {}

    def buffer_for(self, purpose: Hashable, like: Tensor, measure: MeasureRows) -> StagingBuffer:
        """The buffer for tensors like this one.

        Args:
            purpose: what will be measured.
            like: a tensor that is to be put in.
            measure: measures the rows.
        """
        key = purpose, like.shape, like.dtype, like.device
        buffer = self._buffers.get(key)
        if buffer is None:
            buffer = self._buffers[key] = StagingBuffer(like, measure)
        return buffer

    def tensors(self) -> Iterator[Tensor]:
        """The memory of all of them."""
        for buffer in self._buffers.values():
            yield from buffer.tensors()

    def flush(self, readback: Readback) -> None:
        """Flushes every buffer, and drops those that were empty.

        Shapes that vary from step to step would otherwise fill the memory. A buffer that cannot be
        measured costs no other: its slots stay unmeasured, and it is dropped too.
        """
        for key, buffer in list(self._buffers.items()):
            if not self._guard.run(f"measuring {buffer.kind}", buffer.flush, readback):
                del self._buffers[key]
