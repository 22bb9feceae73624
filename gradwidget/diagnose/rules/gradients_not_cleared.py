"""Gradients that no step clears: each step goes along the sum of all gradients so far.

Not reported: micro-batches whose gradients are added up for one step, gradients that are cleared
late, gradients that the loop scales down to keep a part of them.
"""

from __future__ import annotations

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.flagged import flagged_since


def gradients_not_cleared(window: Window, active: Finding | None) -> Detection | None:
    """Used gradients that are still there, untouched, when the next backward pass begins."""
    del active  # exact
    since = flagged_since(window, "gradients_kept", window.limits.certain_frames)
    if since is None:
        return None
    return Detection(
        severity="critical",
        message="Gradients are never cleared: each backward pass adds to those of all steps "
        "before, so the optimizer does not follow the present batch.",
        layers=(),
        first_step=since,
        evidence={
            "value": 1.0,
            "bound": 0.0,
            "window": float(window.limits.certain_frames),
        },
        caveat="Fine only if all gradients of the run are meant to be added up.",
    )
