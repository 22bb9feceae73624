"""How much activations differ from sample to sample of a batch."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from gradwidget.capture.model.unreadable import plain
from gradwidget.capture.stats.norms import accumulator, vector_norm
from gradwidget.capture.stats.readback import Readback, Values

LEAST = 4
"""Samples of which something can be said."""
SAMPLES = 64
"""Samples that are read of a larger batch, evenly spread over it."""
ENTRIES = 1 << 15
"""Entries that are read of a larger tensor: as many of each sample, evenly spread over it."""


def batch_spread(
    activations: Tensor, readback: Readback, *, above: int = 0
) -> Callable[[], float] | None:
    """What the samples of a batch do not have in common, over their size.

    The square root of 1 - B·|m|²/|y|² for activations y of B samples along their first dimension
    and the mean m of the samples: 0 where all are alike, near 1 where they have nothing in common;
    NaN where every entry is 0. Of a large tensor it is that of a part.

    Args:
        activations: a batch of them, or of data.
        readback: brings the sizes.
        above: is added to every entry, for numbers of which 0 is one like all others.

    Returns:
        A function that gives it once the readback is ready; None where there is no dimension of
        features, or fewer than ``LEAST`` samples.

    Raises:
        UnreadableError: its entries are not at hand.

    Example:
        >>> import torch
        >>> samples = torch.tensor([[3.0, 1], [3, 1], [3, -1], [3, -1]])
        >>> round(batch_spread(samples, Readback())(), 3)
        0.316
    """
    if activations.dim() < 2 or len(activations) < LEAST or activations.is_complex():
        return None
    part = plain(activations)
    # Of a small one all is read, and no operation is spent on choosing.
    if len(part) > SAMPLES:
        part = part[:: math.ceil(len(part) / SAMPLES)]
    part = part.flatten(1)
    if part.numel() > ENTRIES:
        part = part[:, :: math.ceil(part.numel() / ENTRIES)]
    # The two sizes may be nearly the same: float32 would leave only rounding between them.
    wide = torch.float64 if part.is_cpu else accumulator(part)
    count, part = len(part), part.to(wide)
    if above:
        part = part + above
    sizes = readback.add_numbers(
        [vector_norm(part.mean(0), dtype=wide), vector_norm(part, dtype=wide)]
    )
    return lambda: _spread(sizes(), count)


def _spread(sizes: Values, count: int) -> float:
    """From the sizes of the mean and of all samples."""
    mean, every = sizes.tolist()
    if not 0 < every < math.inf:
        return math.nan
    return math.sqrt(max(0.0, 1 - count * (mean / every) ** 2))
