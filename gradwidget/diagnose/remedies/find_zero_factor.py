"""Find what makes a loss exactly 0."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def find_zero_factor() -> Remedy:
    """Says where to look; only a change of the code can do it."""
    return Remedy(
        title="Find what makes the loss 0",
        why="Look at what backward() is called on: a term whose weight is 0, a mask or a factor "
        "that leaves nothing of it, or a target that is the output itself.",
        code="",
    )
