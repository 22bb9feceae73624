"""Updates that a narrow format swallows: a weight plus a small change rounds to the weight."""

from __future__ import annotations

import torch
from torch import Tensor

from gradwidget.capture.stats.norms import PIECE, side_by_side
from gradwidget.capture.stats.readback import Fetch, Readback

NARROW = (torch.float16, torch.bfloat16)
"""Formats in which a change below a 500th (bfloat16) or 4,000th of a weight can be lost."""


def count_lost(now: Tensor, before: Tensor, gradient: Tensor, readback: Readback) -> Fetch:
    """How many entries with a gradient a step has left as they were, bit for bit.

    Args:
        now: a weight in one of the ``NARROW`` formats, after the step.
        before: the same before it.
        gradient: what the step used, of the same shape.
        readback: brings the counts.

    Returns:
        A function that gives float64 [2]: entries that were left, of how many with a gradient.

    Example:
        >>> readback, before = Readback(), torch.ones(3, dtype=torch.bfloat16)
        >>> change = torch.tensor([0.1, 0.001, 0.0], dtype=torch.bfloat16)
        >>> count_lost(before - change, before, change, readback)().tolist()
        [1.0, 2.0]
    """
    if not now.is_cpu or now.numel() <= PIECE:
        return readback.add(_counts(now, before, gradient))
    # In runs that stay in the cache, and so that nothing of its size is needed beside it.
    counts = [_counts(*runs) for runs in side_by_side(now, before, gradient)]
    return readback.add(torch.stack(counts).sum(0))


def _counts(now: Tensor, before: Tensor, gradient: Tensor) -> Tensor:
    used = gradient != 0
    # By bits: a NaN that stays one is no update that was lost in rounding, but no change either.
    same = now.view(torch.int16) == before.view(torch.int16)
    return torch.stack([(same & used).sum(), used.sum()])
