"""Whether gradients are those of a penalty on the weights, not of the data."""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.window import Window

ALIKE = 1.1
"""Largest over smallest ratio of gradient to weights, over layers and frames, of a penalty.

The gradient of a sum of squares is the same multiple of the weights in every layer at every step.
"""


def weight_pull(window: Window) -> float | None:
    """The gradient over the weights where that is one number in all layers; None where it is not.

    Of at least two layers, in all frames of the window.
    """
    among = np.flatnonzero(window.trainable & window.traits.weighty)
    frames = window.limits.window
    gradients = window.latest("raw_grad_norm", frames)[:, among]
    weights = window.latest("weight_norm", frames)[:, among]
    if len(gradients) < frames or len(weights) < frames or len(among) < 2:
        return None
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = gradients / weights
        alike = ratios.max() < ALIKE * ratios.min()
    return float(np.median(ratios)) if np.isfinite(ratios).all() and alike else None
