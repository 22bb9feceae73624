"""Gradients that no step clears: each step goes along the sum of all gradients so far.

Not reported: micro-batches whose gradients are added up for one step, gradients that are cleared
late, gradients that the loop scales down to keep a part of them.
"""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.flagged import flagged
from gradwidget.record.history import RECENT

MESSAGE = (
    "Gradients are never cleared: each backward pass adds to those of all steps before, so the "
    "optimizer does not follow the present batch."
)
CAVEAT = "Fine only if all gradients of the run are meant to be added up."


def gradients_not_cleared(window: Window, active: Finding | None) -> Detection | None:
    """Used gradients that are still there, untouched, when the next backward pass begins."""
    found = flagged(window, "gradients_kept", "critical", MESSAGE, CAVEAT)
    if found is None and active is not None and _goes_on(window):
        evidence = {**active.evidence}
        return Detection("critical", MESSAGE, (), active.first_step, evidence, CAVEAT)
    return found


def _goes_on(window: Window) -> bool:
    """Whether what was last seen of any of the networks is that it is so.

    It takes two steps of a network in a row to see it, and a sampled run may have one of each.
    """
    kept = window.history.recent_scalar("gradients_kept", RECENT)
    own = window.same_turn(RECENT)
    newest = [values[np.isfinite(values)][-1:] for values in (kept[own], kept[~own])]
    return bool((np.concatenate(newest) > 0).any())
