"""Give the loss the output from before the ReLU."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def remove_relu() -> Remedy:
    """Says where to look; only a change of the model can do it."""
    return Remedy(
        title="Remove the ReLU behind the last layer",
        why="A ReLU belongs between two layers. Behind the last one it makes 0 of every logit "
        "below that, and a class whose logit is 0 for all inputs gets no gradient.",
        code="",
    )
