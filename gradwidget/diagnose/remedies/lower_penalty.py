"""Give a penalty on the weights that the loss has of its own a smaller factor."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def lower_penalty() -> Remedy:
    """Says where to look; only a change of the loss can do it."""
    return Remedy(
        title="Look for a penalty on the weights in the loss",
        why="The optimizer decays no weights (its weight_decay is 0), and yet those of most layers "
        "shrink together: look for a term of the loss that grows with the weights, as a sum of "
        "their squares or of their absolute values. Give it a factor of about 1e-4, or leave it "
        "out and give the optimizer weight_decay=1e-4; then start again with fresh weights.",
        code="",
    )
