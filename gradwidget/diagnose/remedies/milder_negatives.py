"""Negatives that leave a way out of the point where all embeddings are one."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def milder_negatives() -> Remedy:
    """Says where to look; only a change of the loss can do it."""
    return Remedy(
        title="Use semi-hard or random negatives",
        why="Look at how the loss chooses what it holds apart. With the hardest negative of each "
        "batch, it has a minimum where all embeddings are one point: the loss is then its margin. "
        "Take the mean over all that violate the margin, or negatives that are farther than the "
        "positive, and the hardest ones only once these are easy. Start again from fresh weights: "
        "a single point does not come apart.",
        code="",
    )
