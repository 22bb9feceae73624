"""Weights that shrink toward zero, and with them all that passes through.

Look-alike that stays silent: ordinary weight decay, which stops where the gradient balances it.
"""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.depth_profile import Floats
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.level import Level, beyond
from gradwidget.wording import figure


def weights_shrinking(window: Window, active: Finding | None) -> Detection | None:
    """Layers of whose weights a small part of the start is left."""
    del active  # the norm of weights is steady by itself
    return beyond(
        window,
        Level(
            window.weight,
            window.median(window.weight),
            first_norm(window),
            window.limits.shrinkage,
            above=False,
        ),
        window.trainable & window.traits.weighty,
        lambda layers, ratio: (
            f"The weights of {layers} have shrunk to {figure(ratio)} of their start."
        ),
        "A layer that is being switched off on purpose, or weights that started far too large.",
    )


def first_norm(window: Window) -> Floats:
    """float64 [layers]: the norm of the weights when first measured; NaN for those that began at
    zero.
    """
    return np.where(window.first_weight_norm > 0, window.first_weight_norm, np.nan)
