"""Add the penalty on the weights to the loss instead of subtracting it."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def turn_penalty() -> Remedy:
    """Says where to look; only a change of the loss can do it."""
    return Remedy(
        title="Look at the sign of the penalty on the weights",
        why="The weights of all layers grow by one factor a step, which no error term makes them "
        "do: look for a term of the loss that rewards large weights.",
        code="",
    )
