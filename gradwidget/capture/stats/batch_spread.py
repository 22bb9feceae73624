"""How much activations differ from sample to sample of a batch."""

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
"""Entries that are read of a larger tensor: as many of each sample, evenly spread over it."""


def batch_spread(activations: Tensor, readback: Readback) -> Fetch | None:
    """What the samples of a batch do not have in common, over their size.

    The square root of 1 - B·|m|²/|y|² for activations y of B samples along their first dimension
    and the mean m of the samples: 0 where all are alike, near 1 where they have nothing in common;
    NaN where every entry is 0. Of a large tensor it is that of a part.

    Returns:
        None where it has no dimension of features, or fewer than ``LEAST`` samples.

    Raises:
        UnreadableError: its entries are not at hand.

    Example:
        >>> batch_spread(torch.tensor([[3.0, 1], [3, 1], [3, -1], [3, -1]]), Readback())().round(3)
        array(0.316)
    """
    if activations.dim() < 2 or len(activations) < LEAST or activations.is_complex():
        return None
    values = plain(activations)
    part = values[:: math.ceil(len(values) / SAMPLES)].flatten(1)
    part = part[:, :: math.ceil(part.shape[1] * len(part) / ENTRIES)]
    wide = torch.float64 if part.is_cpu else accumulator(part)
    variance, mean = torch.var_mean(part.to(wide), dim=0, correction=0)
    own = variance.mean()
    return readback.add((own / (own + mean.square().mean())).sqrt())
