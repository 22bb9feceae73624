"""Gradients that no step clears: each step goes along the sum of all gradients so far.

Not reported: micro-batches whose gradients are added up for one step, gradients that are cleared
late, gradients that the loop scales down to keep a part of them.
"""

from __future__ import annotations

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.flagged import flagged


def gradients_not_cleared(window: Window, active: Finding | None) -> Detection | None:
    """Used gradients that are still there, untouched, when the next backward pass begins."""
    del active  # exact
    return flagged(
        window,
        "gradients_kept",
        "critical",
        "Gradients are never cleared: each backward pass adds to those of all steps "
        "before, so the optimizer does not follow the present batch.",
        "Fine only if all gradients of the run are meant to be added up.",
    )
