"""Backward passes whose gradients no optimizer ever uses.

Not reported: micro-batches that are added up, steps that a gradient scaler skips, weights that the
loop changes itself.
"""

from __future__ import annotations

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.flagged import flagged_since


def no_step(window: Window, active: Finding | None) -> Detection | None:
    """Backward passes without a change of any weight."""
    del active  # exact
    since = flagged_since(window, "unstepped", 1)
    if since is None:
        return None
    passes = window.frame.scalars["unstepped"]
    return Detection(
        severity="critical",
        message=f"{passes:,.0f} backward passes have run and no optimizer has stepped: the weights "
        "are what they were at the start.",
        layers=(),
        first_step=since,
        evidence={"value": passes, "bound": 0.0, "window": passes},
        caveat="Fine if gradients are all that is wanted.",
    )
