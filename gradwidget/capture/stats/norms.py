"""Norms that neither underflow nor overflow, and how tensors are read piece by piece.

In float32 a sum of squares is exactly 0 for entries of 1e-23 and infinite from 1e19 on. Where a
norm leaves the range in which its squares are safe, it is computed again in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gradwidget.capture.stats.readback import as_numpy
from gradwidget.capture.stats.scratch import KEPT, scratch

SAFE_LOW = 1e-17
"""A float32 L2 norm of n entries above ``SAFE_LOW * sqrt(n)`` is right.

Each square that is too small for float32 loses at most 1.2e-38, all together less than a 10,000th
of the sum."""
SAFE_HIGH = 1e18
"""A float32 L2 norm below this has lost nothing to squares that are too large."""
LIFT = 2.0**60
"""Lifts what is too small to be squared, exactly."""
ALONE = 1 << 16
"""A tensor of more entries than this is read by itself, smaller ones of one shape together.

On small ones a call costs more than the copy that brings them together."""
TOGETHER = 1 << 18
"""Entries of small tensors that are brought together at most."""
PIECE = KEPT
"""Entries of a large tensor that are processed at a time.

They stay in the cache from one statistic to the next, and calls for fewer would cost more."""
SUMMED = 1 << 14
"""Entries whose squares are added up in float32; such sums are added up in float64.

Over as many as this nothing that matters is lost, even where all are alike and rounded alike."""
DOTTED = 1 << 12
"""The same where they are added up by numpy: so few that no BLAS starts threads of its own."""


def l2(tensor: Tensor) -> Tensor:
    """L2 norm of a dense real tensor as a tensor of one element, right from 1e-30 to 1e+25."""
    if not tensor.is_cpu:
        return vector_norm(tensor, dtype=accumulator(tensor))
    if tensor.numel() > ALONE:
        return torch.tensor(large_norm(tensor), dtype=torch.float64, device="cpu")
    return torch.from_numpy(row_norms(tensor.reshape(1, -1))).reshape(())


def row_norms(rows: Tensor) -> NDArray[np.float64]:
    """L2 norms [rows] of a matrix [rows, entries] on the CPU whose rows are not long."""
    norms = as_numpy(vector_norm(rows, dim=1, dtype=accumulator(rows)))
    found = norms.tolist()
    low = SAFE_LOW * math.sqrt(rows.shape[1])
    # A NaN may or may not pass this test: it needs no second reading either way.
    if rows.dtype is torch.float64 or (min(found) > low and max(found) < SAFE_HIGH):
        return norms
    small, large = np.flatnonzero(norms <= low), np.flatnonzero(norms >= SAFE_HIGH)
    if small.size:
        # All rows, into memory that is kept: selecting the small ones would cost more.
        lifted = scratch("lifted", rows.numel(), torch.float32).view(rows.shape)
        torch.mul(at_least_single(rows), LIFT, out=lifted)
        norms[small] = as_numpy(vector_norm(lifted, dim=1, dtype=torch.float32))[small] / LIFT
    if large.size:
        norms[large] = as_numpy(
            vector_norm(rows[torch.from_numpy(large)], dim=1, dtype=torch.float64)
        )
    return norms


def large_norm(tensor: Tensor) -> float:
    """L2 norm of a tensor of any size on the CPU."""
    squares = sum([sum_of_squares(run) for run in runs(tensor)])
    return norm_of_squares(squares, tensor, pieces(tensor))


def distance(one: Tensor, other: Tensor) -> float:
    """L2 norm of the difference of two tensors of one shape, of any size, on the CPU."""
    squares = 0.0
    for both in side_by_side(one, other):
        left, right = map(at_least_single, both)
        difference = torch.sub(left, right, out=scratch("difference", len(left), left.dtype))
        squares += squares_in_cache(difference)()
    if squares == 0 and torch.equal(one, other):
        return 0.0
    again = (left.double() - right for left, right in side_by_side(one, other))
    return norm_of_squares(squares, one, again)


def side_by_side(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """The entries of tensors of one shape in runs of at most ``PIECE``, in one order for all."""
    # Where they are laid out alike and without gaps, this needs no copy.
    order = memory_order(tensors[0])
    vectors = [tensor.permute(order).reshape(-1) for tensor in tensors]
    return zip(*(vector.split(PIECE) for vector in vectors), strict=True)


def sum_of_squares(piece: Tensor) -> float:
    """The sum of the squares of a vector's entries, at least single, on the CPU."""
    # The norms of rows: torch reads memory as fast for them as it can.
    whole = piece.numel() // SUMMED * SUMMED
    norms: list[float] = []
    if whole < piece.numel():
        norms.append(vector_norm(piece[whole:]).item())
    if whole:
        norms += vector_norm(piece[:whole].view(-1, SUMMED), dim=1).tolist()
    return sum([norm * norm for norm in norms])


def squares_in_cache(vector: Tensor) -> Callable[[], float]:
    """The same as a function of a vector that has been read or written just before.

    What it gives is of the entries that are there at the time.
    """
    if vector.numel() % DOTTED or torch.get_num_threads() > 1:
        return lambda: sum_of_squares(vector)
    # On one thread a dot product reads the cache twice as fast as a norm.
    entries = vector.numpy(force=True)
    left, right = entries.reshape(-1, 1, DOTTED), entries.reshape(-1, DOTTED, 1)
    return partial(_summed_products, left, right)


@np.errstate(all="ignore")
def _summed_products(left: NDArray[Any], right: NDArray[Any]) -> float:
    return float(np.matmul(left, right).sum(dtype=np.float64))


def norm_of_squares(squares: float, whole: Tensor, again: Iterable[Tensor]) -> float:
    """The L2 norm from the sum of the squares.

    Args:
        squares: their sum.
        whole: what they are of, for its size and type.
        again: it in parts, which are read where the squares were not safe.
    """
    norm = math.sqrt(squares)
    if whole.dtype is torch.float64 or _is_safe(norm, whole.numel()):
        return norm
    return math.sqrt(
        sum(float(as_numpy(vector_norm(part, dtype=torch.float64))) ** 2 for part in again)
    )


def _is_safe(norm: float, entries: int) -> bool:
    return SAFE_LOW * math.sqrt(entries) < norm < SAFE_HIGH or math.isnan(norm)


def pieces(tensor: Tensor) -> Iterator[Tensor]:
    """The entries in runs of at most ``PIECE``, in float32 or float64, in no particular order."""
    entries = in_memory_order(tensor)
    for piece in entries.split(PIECE) if len(entries) > PIECE else (entries,):
        yield at_least_single(piece)


def runs(tensor: Tensor) -> Iterable[Tensor]:
    """The same in one run where no entry has to be converted.

    For one or two statistics: they are read as fast as memory is, and a call for each piece costs.
    """
    is_wide = tensor.dtype in {torch.float32, torch.float64}
    return (in_memory_order(tensor),) if is_wide else pieces(tensor)


def in_memory_order(tensor: Tensor) -> Tensor:
    """The entries as a vector: without a copy where they fill their memory without gaps."""
    return tensor.permute(memory_order(tensor)).reshape(-1)


def memory_order(tensor: Tensor) -> list[int]:
    """The dimensions in the order in which they are laid out in memory, outermost first."""
    dimensions = range(tensor.dim())
    if tensor.is_contiguous():
        return list(dimensions)
    return sorted(dimensions, key=tensor.stride, reverse=True)


def at_least_single(tensor: Tensor) -> Tensor:
    """The entries in float32 or float64.

    Numpy knows no bfloat16, and sums in half precision overflow.
    """
    return tensor if tensor.dtype in {torch.float32, torch.float64} else tensor.float()


def magnitudes(entries: Tensor) -> Tensor:
    """|x| of a vector on the CPU; valid until the next call."""
    return torch.abs(entries, out=scratch("magnitudes", len(entries), entries.dtype))


class Magnitudes:
    """|x| of one vector after another, all of one size and type, and statistics of them.

    All views of their memory are made once: data that fills the cache drives the program out of
    it, and each call is slow.

    Args:
        like: such a vector, in float32 or float64 on the CPU.
    """

    def __init__(self, like: Tensor) -> None:
        self._values = scratch("magnitudes", like.numel(), like.dtype)
        # The whole numbers of the same bits are ordered alike, with NaN on top, and are 0 where x
        # is. Torch compares them twice as fast, and numpy counts them five times as fast.
        is_double = like.dtype is torch.float64
        self._bits = self._values.view(torch.int64 if is_double else torch.int32)
        self._squares = squares_in_cache(self._values)

    def fits(self, vector: Tensor) -> bool:
        """Whether a vector is of their size."""
        return vector.numel() == self._values.numel()

    def read(self, vector: Tensor) -> tuple[float, float, float, int]:
        """The sum of squares, the sum of |x|, the largest |x|, and how many entries are not 0.

        The largest is NaN where one is.
        """
        torch.abs(vector, out=self._values)
        squares = self._squares()
        total: float = self._values.sum().item()
        low, high = torch.aminmax(self._bits)
        largest: float = high.view(self._values.dtype).item()
        # Where the smallest is not 0, none has to be counted.
        count = vector.numel() if low.item() else int(np.count_nonzero(self._bits.numpy()))
        return squares, total, largest, count


def vector_norm(
    tensor: Tensor, order: int = 2, dim: int | None = None, dtype: torch.dtype | None = None
) -> Tensor:
    """``torch.linalg.vector_norm``, which torch leaves without a type."""
    norm: Tensor = torch.linalg.vector_norm(tensor, order, dim=dim, dtype=dtype)
    return norm


def accumulator(tensor: Tensor) -> torch.dtype:
    """Type in which sums are kept.

    Float64 on accelerators, where reading memory is what costs (MPS has none).
    """
    if tensor.dtype is torch.float64:
        return torch.float64
    return torch.float32 if tensor.is_cpu or tensor.is_mps else torch.float64
