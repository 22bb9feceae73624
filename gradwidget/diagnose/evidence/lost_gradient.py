"""Whether the gradient of the backward pass is gone by the time the optimizer steps."""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.record.history import RECENT

LARGEST = float(np.sqrt(np.finfo(np.float32).max))
"""Norm from which its square overflows in single precision: clipping by it leaves nothing."""


def lost_since(window: Window) -> int | None:
    """The step since which backward passes give a gradient and optimizers find none.

    None where that is not so in as many frames as are certain. A step that is left out has lost
    nothing: its optimizer did not step.
    """
    newest = window.frame.scalars
    raw = newest.get("raw_total_grad_norm", 0.0)
    is_lost = 0 < raw < LARGEST and newest.get("total_grad_norm") == 0
    if window.frame.skipped or not is_lost:
        return None
    given = window.history.recent_scalar("raw_total_grad_norm", RECENT)[::-1]
    used = window.history.recent_scalar("total_grad_norm", RECENT)[::-1]
    kept = np.flatnonzero(~((given > 0) & (used == 0)))
    count = int(kept[0]) if kept.size else len(given)
    if count < window.limits.certain_frames:
        return None
    return int(window.history.recent_steps(RECENT)[::-1][count - 1])
