"""NaN or Inf in a gradient, reported at once.

Not reported: the steps that a gradient scaler skips while it adjusts its scale. To catch an
overflow is its job.
"""

from __future__ import annotations

import math

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.nonfinite_words import layers_with, moved, origin_of
from gradwidget.wording import names


def gradients_nonfinite(window: Window, active: Finding | None) -> Detection | None:
    """Any in a step that the optimizer takes, or many skipped steps in a row."""
    del active  # exact: the newest frame alone decides
    layers = layers_with(window, "grad_nonfinite")
    total = window.frame.scalars.get("total_grad_norm", 0.0)
    if not layers and math.isfinite(total):
        return None
    skipped = _skipped_in_a_row(window)
    if 0 < skipped < window.limits.skipped_in_a_row:
        return None
    origin, where = origin_of(window)
    subject = f"the gradient of {names(layers)}" if layers else "the gradients"
    tail = f"; the scaler has skipped {skipped} steps in a row" if skipped else ""
    return Detection(
        severity="critical",
        message=f"NaN or Inf in {subject} at step {window.step:,}{where}{tail}.",
        layers=layers,
        first_step=window.history.recent_frames(max(1, skipped))[0].step,
        evidence={
            "value": float(len(layers)),
            "bound": 0.0,
            "window": float(max(1, skipped)),
            **moved(window),
        },
        caveat="None: a single such step ruins the weights, unless it is skipped.",
        origin=origin,
    )


def _skipped_in_a_row(window: Window) -> int:
    count = 0
    for frame in reversed(window.history.recent_frames(window.limits.skipped_in_a_row)):
        if not frame.skipped:
            break
        count += 1
    return count
