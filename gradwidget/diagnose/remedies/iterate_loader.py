"""Go through the data loader."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def iterate_loader() -> Remedy:
    """Says which line to look for; only a change of the loop can do it."""
    return Remedy(
        title="Take another batch at each step",
        why="Look for next(iter(loader)) inside the loop: it begins a new epoch at every step and "
        "takes only its first batch. Write `for x, y in loader:` instead, or make the iterator "
        "once, before the loop. Where samples are drawn at random, look for a seed that is set "
        "inside the loop.",
        code="",
    )
