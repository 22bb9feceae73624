"""Look at the targets."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def check_targets(target: float) -> Remedy:
    """Says where to look; only a person knows what the targets should be.

    Args:
        target: that of every sample so far.
    """
    return Remedy(
        title="Look at the targets",
        why=f"Look at one sample whose target should not be {target:g}, from the file to the loss. "
        "A cast to whole numbers, as .long() or int(), makes 0 of all that is between 0 and 1; so "
        "does a division of whole numbers. Or it is a wrong column, a comparison that is always "
        "false, a mask, or a tensor that was made and never filled.",
        code="",
    )
