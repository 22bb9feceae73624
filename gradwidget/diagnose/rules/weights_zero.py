"""Weights that have become next to nothing: the layer's output no longer depends on its input.

Not reported: layers that start at zero by design, which soon grow.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradwidget.diagnose.evidence.paths import Floats
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding, Symptom
from gradwidget.diagnose.rules.shared.level import Level, beyond
from gradwidget.wording import shown


def weights_zero(window: Window, active: Finding | None) -> Detection | None:
    """Layers of whose weights next to nothing is left."""
    del active  # the norm of weights is stable enough
    detection = beyond(
        window,
        Level(
            window.weight,
            window.median(window.weight),
            _scale(window),
            window.limits.zero,
            above=False,
        ),
        window.trainable & window.traits.weighty,
        lambda layers, ratio: (
            f"The weights of {layers} are next to nothing ({shown(ratio)} of a usual norm): they "
            "block everything that passes through."
        ),
        "Fine if the layer was pruned on purpose.",
    )
    return None if detection is None else replace(detection, severity="critical")


def _scale(window: Window) -> Floats:
    """float64 [layers]: the initial norm.

    For weights that began at zero and still are, the norm of weights that preserve variance, once
    the run is under way and has learned nothing; NaN before.
    """
    first = window.first_weight_norm
    began_at_zero = first <= window.limits.zero * window.traits.natural_norm
    if not began_at_zero.any():
        return first
    is_late = (
        window.age >= window.limits.plateau_steps
        and not window.has_learned
        and Symptom.ZERO_GRADIENT not in window.active  # which says the same
    )
    is_still = is_late & ~(window.median(window.weight) > first)
    return np.where(began_at_zero, np.where(is_still, window.traits.natural_norm, np.nan), first)
