"""Let an operation compare more than one entry."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy
from gradwidget.frame import Wiring


def more_entries(wiring: Wiring) -> Remedy:
    """Says where to look; only a change of the code can do it."""
    operation, layer = wiring.obstacles["one entry"]
    if operation.endswith("norm"):
        return Remedy(
            title=f"Leave out the {operation} after {layer}",
            why="Look at the shape that it is made for, or at its number of groups: over one "
            "value, the value minus its mean is always 0.",
            code="",
        )
    return Remedy(
        title=f"Take the {operation} over more than one entry",
        why=f"Look at dim= of the {operation} after {layer}, and at the shape there: for scores [N "
        "· L, 1] use scores.view(N, L).softmax(dim=1), for [L, N, 1] scores.softmax(dim=0). For a "
        "single output per sample, use binary_cross_entropy_with_logits as the loss.",
        code="",
    )
