"""Data that stays as it was loaded."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def keep_data() -> Remedy:
    """Says where to look for what changes the data."""
    return Remedy(
        title="Do not change the data in place",
        why="Look for operations on a batch that write into it (x -= mean, x.div_(255), "
        "x.clamp_(), out=x): a batch may be a view of the data set, which is then changed again in "
        "each epoch. Use x = x - mean, or clone the batch first; then load the data afresh.",
        code="",
    )
