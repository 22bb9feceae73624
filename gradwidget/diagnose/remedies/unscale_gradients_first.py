"""Gradients that are clipped while a gradient scaler has them scaled."""

from __future__ import annotations

from gradwidget.diagnose.evidence.clipping import clipped_while_scaled
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Remedy
from gradwidget.wording import shown


def unscale_gradients_first(window: Window) -> Remedy | None:
    """Only a change of the loop can do it. None where no gradient is clipped while it is scaled."""
    scaled = clipped_while_scaled(window)
    if scaled is None:
        return None
    return Remedy(
        title="Unscale the gradients before they are clipped",
        why="Call scaler.unscale_(optimizer) between backward() and the clipping. Where that is "
        f"now, gradients are {scaled.scale:,.0f} times too large, and scaler.step() divides what "
        f"is left of them: their norm of {shown(scaled.before)} becomes {shown(scaled.after)} and "
        f"then {shown(scaled.after / scaled.scale)}. The bound can stay.",
        code="",
    )
