"""A few numbers by which data is recognized when it comes again."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from torch import Tensor

from gradwidget.capture.stats.norms import accumulator, vector_norm
from gradwidget.capture.stats.readback import Fetch, Readback, Values

PART = 1 << 14
"""Entries that are read: two batches that agree in all of these are the same."""
TOLERANCE = 1e-9
"""What sums of the same entries may differ by, over their norm."""
ROUNDED = 1e-5
"""The same of entries that were scaled and shifted, in another format or on another device."""


def fingerprint(data: Tensor, readback: Readback) -> Fetch:
    """Float64 [3]: a sum of the first entries with random weights, their norm, and their sum.

    The weights are always the same. Unlike sums and norms alone, it differs where the same entries
    come in another order.

    Args:
        data: a dense real tensor with at least one entry, of any type.
        readback: brings the numbers.
    """
    is_part = data.numel() > PART and data.dim() > 0
    rows = data[: max(1, PART // (data.numel() // len(data)))] if is_part else data
    wide = torch.float64 if data.is_cpu else accumulator(data)
    entries = rows.reshape(-1)[:PART].to(wide)
    weights = _weights(entries.device, wide)[: len(entries)]
    norm = vector_norm(entries, dtype=wide)
    return readback.add_numbers([(entries * weights).sum(), norm, entries.sum()])


# Of data that is not finite, which a user may have asked numpy to raise for.
@np.errstate(all="ignore")
def are_same(one: Values, other: Values) -> bool:
    """Whether two fingerprints are of the same data, as far as they tell; never where it is all 0.

    Example:
        >>> first = fingerprint(torch.tensor([1.0, 2.0]), Readback())()
        >>> are_same(first, fingerprint(torch.tensor([2.0, 1.0]), Readback())())
        False
    """
    size = float(one[1])
    return 0 < size < math.inf and float(abs(one - other).max()) <= TOLERANCE * size


@np.errstate(all="ignore")
def is_scaled(one: Values, other: Values, entries: int) -> bool:
    """Whether two fingerprints are of the same data up to a factor and a shift.

    Args:
        one: a fingerprint.
        other: another one.
        entries: of the data.

    Example:
        >>> data = torch.tensor([1.0, 2.0, 4.0])
        >>> first, second = (fingerprint(x, Readback())() for x in (data, data / 255 - 1))
        >>> is_scaled(first, second, 3)
        True
    """
    count = min(entries, PART)
    total = float(_weights(torch.device("cpu"), torch.float64)[:count].sum())
    # The weighted sum of entries that were brought to mean 0 and deviation 1.
    found, slack = [], ROUNDED * math.sqrt(count)
    for weighted, norm, plain in (one, other):
        mean = plain / count
        deviation = math.sqrt(max(0.0, norm**2 / count - mean**2))
        if not 0 < deviation < math.inf:
            return are_same(one, other)
        found.append(abs(weighted - mean * total) / deviation)
        slack *= 1 + abs(mean) / deviation
    return bool(abs(found[0] - found[1]) <= slack)


@cache
def _weights(device: torch.device, dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    drawn = torch.rand(PART, generator=generator, dtype=torch.float64, device="cpu")
    return drawn.to(device, dtype)
