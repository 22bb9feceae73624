"""A part of the loss that holds different inputs apart."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def separate_outputs() -> Remedy:
    """Says what to look for; only a change of the loss can do it."""
    return Remedy(
        title="Keep different inputs apart in the loss",
        why="Look at what the loss gives for outputs that are all the same: where that is as low "
        "as it gets, nothing keeps them apart. Negatives, a term for the variance of each output "
        "over the batch, or a target whose gradient is stopped do.",
        code="",
    )
