"""Weights that shrink toward zero, and with them everything that passes through the layer.

Not reported: ordinary weight decay, which stops where the gradient balances it.
"""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.depth_profile import Floats
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.level import Level, beyond
from gradwidget.wording import shown


def weights_shrinking(window: Window, active: Finding | None) -> Detection | None:
    """Layers whose weights have only a small part of their initial norm left."""
    del active  # the norm of weights is stable enough
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
            f"The weights of {layers} have shrunk to {shown(ratio)} of their initial norm."
        ),
        "Fine if the layer is being switched off on purpose, or if its weights started far too "
        "large.",
    )


def first_norm(window: Window) -> Floats:
    """float64 [layers]: the initial norm of the weights; NaN for those that started at zero."""
    return np.where(window.first_weight_norm > 0, window.first_weight_norm, np.nan)
