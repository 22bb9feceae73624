"""Lower the weight of what keeps a code from telling anything."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def lower_price() -> Remedy:
    """Says where to look; only a change of the loss can do it."""
    return Remedy(
        title="Lower the weight of the KL divergence",
        why="Look at how the terms of the loss are averaged: an error that is a mean over pixels "
        "beside a divergence that is a sum over the code weighs next to nothing. Sum both, give "
        "the divergence a small weight, or let its weight rise slowly from 0.",
        code="",
    )
