"""Look at the data."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def check_data() -> Remedy:
    """Says where to look; only a person knows what the data should be."""
    return Remedy(
        title="Look at a batch",
        why="Inputs that are all alike carry nothing to learn from: look at one batch as it enters "
        "the model, and at each transform before it (a mask, a division, a missing column).",
        code="",
    )
