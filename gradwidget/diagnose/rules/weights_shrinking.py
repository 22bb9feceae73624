"""Weights that shrink toward zero, and with them everything that passes through the layer.

Not reported: ordinary weight decay, which stops where the gradient balances it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradwidget.diagnose.evidence.paths import Floats
from gradwidget.diagnose.evidence.window import Window, holding_since
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.level import Level, beyond
from gradwidget.wording import shown

FALLEN = 0.9
"""Share of the initial norm below which weights have begun to shrink."""


def weights_shrinking(window: Window, active: Finding | None) -> Detection | None:
    """Layers whose weights have only a small part of their initial norm left."""
    del active  # the norm of weights is stable enough
    detection = beyond(
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

    if detection is None:
        return None
    # The decline has begun long before it is past its bound.
    worst = next(i for i, one in enumerate(window.layers) if one.name == detection.layers[0])
    values, steps = window.series(window.weight, worst)
    since = holding_since(steps, values < FALLEN * window.first_weight_norm[worst])
    return replace(detection, first_step=since)


def first_norm(window: Window) -> Floats:
    """float64 [layers]: the initial norm of the weights; NaN for those that started at zero."""
    return np.where(window.first_weight_norm > 0, window.first_weight_norm, np.nan)
