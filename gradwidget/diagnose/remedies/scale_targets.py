"""Targets of a size that a network can give."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy
from gradwidget.wording import shown


def scale_targets(residual: float) -> Remedy:
    """Says where to look; only the loop knows its targets.

    Args:
        residual: how far the outputs are from the targets at the start.
    """
    return Remedy(
        title="Scale the targets",
        why="Look where the targets are made: y = (y - mean) / deviation, by the mean and standard "
        "deviation of the training targets, and y * deviation + mean for what the model predicts. "
        f"They are now about {shown(residual)}. For amounts over several powers of ten, their "
        "logarithm.",
        code="",
    )
