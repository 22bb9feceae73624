"""How much outputs differ from sample to sample of a batch."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gradwidget.capture.model.unreadable import plain
from gradwidget.capture.stats.norms import accumulator
from gradwidget.capture.stats.readback import Fetch, Readback

LEAST = 4
"""Samples of which something can be said."""
SAMPLES = 64
"""Samples that are read of a larger batch, evenly spread over it."""
ENTRIES = 1 << 17
"""Entries that are read of a larger output: as many of each sample, evenly spread over it."""


def batch_spread(output: Tensor, readback: Readback) -> Fetch | None:
    """What the samples of an output do not have in common, over its size.

    The square root of 1 - B·|m|²/|y|² for an output y of B samples along its first dimension and
    their mean m: 0 where all samples are alike, near 1 where they have nothing in common; NaN where
    every entry is 0. Of large outputs it is that of a part.

    Returns:
        None where it has no dimension of features, or fewer than ``LEAST`` samples.

    Raises:
        UnreadableError: its entries are not at hand.

    Example:
        >>> batch_spread(torch.tensor([[3.0, 1], [3, 1], [3, -1], [3, -1]]), Readback())().round(3)
        array(0.316)
    """
    if output.dim() < 2 or len(output) < LEAST or output.is_complex():
        return None
    values = plain(output)
    part = values[:: math.ceil(len(values) / SAMPLES)].flatten(1)
    part = part[:, :: math.ceil(part.shape[1] * len(part) / ENTRIES)]
    wide = torch.float64 if part.is_cpu else accumulator(part)
    variance, mean = torch.var_mean(part.to(wide), dim=0, correction=0)
    own = variance.mean()
    return readback.add((own / (own + mean.square().mean())).sqrt())
