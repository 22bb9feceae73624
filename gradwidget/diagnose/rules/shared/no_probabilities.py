"""A binary cross-entropy whose targets are no probabilities, such as the 255 of a mask."""

from __future__ import annotations

from gradwidget.diagnose.evidence.regression_error import ABSOLUTE, SQUARED
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection

BINARY = frozenset({"binary_cross_entropy", "binary_cross_entropy_with_logits"})
"""Losses whose targets are probabilities."""
BEYOND = 0.5
"""Distance from 0 and 1 from which targets are none; labels of 1.2 are in use against overfitting.
"""


def no_probabilities(window: Window) -> Detection | None:
    """Targets outside of 0 and 1, in the first frames already."""
    operations = set(window.wiring.loss_path)
    frames = window.limits.certain_frames
    low = window.history.recent_scalar("target_min", frames)
    high = window.history.recent_scalar("target_max", frames)
    # Of several losses it is not known whose targets these are.
    if operations.isdisjoint(BINARY) or operations & (SQUARED | ABSOLUTE) or len(low) < frames:
        return None
    if not ((low < -BEYOND) | (high > 1 + BEYOND)).all():
        return None
    least, most = float(low.min()), float(high.max())
    return Detection(
        severity="warning",
        message="The targets of a binary cross-entropy must lie between 0 and 1, and these reach "
        f"from {least:.4g} to {most:.4g}: the loss then has no minimum, and the outputs grow "
        "without bound.",
        layers=(),
        first_step=window.history.first_step or 0,
        evidence={
            "value": max(most - 1, -least),
            "bound": BEYOND,
            "window": float(frames),
            "low": least,
            "high": most,
        },
        caveat="None: such targets are no probabilities.",
    )
