"""Weights that shrink toward zero, and with them everything that passes through the layer.

Not reported: ordinary weight decay, which stops where the gradient balances it, nor a last layer
that shrinks alone and without any decay: that is what its loss asks for, as where nothing but the
mean of the targets is learned.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from gradwidget.diagnose.evidence.paths import Floats
from gradwidget.diagnose.evidence.window import Window, holding_since
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.level import Level, beyond
from gradwidget.frame import BoolArray
from gradwidget.wording import shown

FALLEN = 0.9
"""Share of the initial norm below which weights have begun to shrink."""
FURTHER = 0.8
"""Another share, by which their pace is known, and so when they began."""
ALONE = 0.5
"""Share of their initial norm that the other layers have left where a layer shrinks alone."""


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
        window.trainable & window.traits.weighty & ~_asked_for(window),
        lambda layers, ratio: (
            f"The weights of {layers} have shrunk to {shown(ratio)} of their initial norm."
        ),
        "Fine if the layer is being switched off on purpose, or if its weights started far too "
        "large.",
    )

    if detection is None:
        return None
    worst = next(i for i, one in enumerate(window.layers) if one.name == detection.layers[0])
    return replace(detection, first_step=_began(window, worst))


def _asked_for(window: Window) -> BoolArray:
    """Bool [layers]: the last layers, where these alone shrink and it is no decay."""
    none = np.zeros(len(window.layers), np.bool_)
    if window.frame.scalars.get("weight_decay") != 0:
        return none
    with np.errstate(invalid="ignore"):
        shrinks = window.median(window.weight) < ALONE * first_norm(window)
    inner = window.trainable & window.traits.weighty & ~window.paths.last
    return none if not inner.any() or shrinks[inner].any() else window.paths.last


def _began(window: Window, layer: int) -> int:
    """The step at which the norm has begun to fall, long before it is past its bound.

    A decay takes the same share at each step: its pace tells when the norm had all of it, after the
    last step at which it was seen to. What falls at once has no pace.
    """
    values, steps = window.series(window.weight, layer)
    left = values / window.first_weight_norm[layer]
    since = holding_since(steps, left < FALLEN)
    at = steps.index(since)
    # Where frames are far apart, the first that shows it may be past the second share as well.
    further = min(steps.index(holding_since(steps, left < FURTHER)), max(at - 1, 0))
    lost = math.log(left[at] / left[further]) if min(left[at], left[further]) > 0 else 0.0
    if lost <= 0:
        return since
    began = since + math.log(left[at]) * (steps[further] - since) / lost
    whole = [step for step, share in zip(steps, left, strict=True) if step < since and share >= 1]
    return min(since, max(math.floor(began), whole[0] + 1 if whole else steps[-1]))


def first_norm(window: Window) -> Floats:
    """float64 [layers]: the initial norm of the weights; NaN for those that started at zero."""
    return np.where(window.first_weight_norm > 0, window.first_weight_norm, np.nan)
