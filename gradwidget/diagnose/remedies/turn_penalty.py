"""Add the penalty on the weights to the loss instead of subtracting it."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def turn_penalty() -> Remedy:
    """Says where to look; only a change of the loss can do it."""
    return Remedy(
        title="Look at the sign of the penalty on the weights",
        why="The gradient is the same multiple of the weights in every layer, and a step makes "
        "them larger: look for a term of the loss that rewards large weights.",
        code="",
    )
