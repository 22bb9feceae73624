"""Saturated units: outputs of sigmoid or tanh at the ends of their range.

The slope there is nearly 0, and so is the gradient. Not reported: the output layer of a classifier,
which saturates when it is confident.
"""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.level import Level, beyond


def saturated(window: Window, active: Finding | None) -> Detection | None:
    """Layers most of whose outputs are saturated, the last ones only while the loss is high."""
    del active  # the median over many steps is stable enough
    if "act_saturated_fraction" not in window.history:
        return None  # nothing here can be
    flows = np.flatnonzero(~np.isnan(window.median("act_rms")))
    hidden = window.trainable.copy()
    if flows.size:
        # A classifier is sure of what it has learned, or of what it will unlearn again.
        is_sure = not (window.loss_is_high and np.isfinite(window.loss))
        hidden[flows[-1] :] &= not is_sure and window.layers[flows[-1]].activation != "softmax"
    if window.has_opponent:
        hidden &= ~window.paths.last  # a player that wins is sure as well
    return beyond(
        window,
        Level(
            "act_saturated_fraction",
            window.lasting("act_saturated_fraction"),
            1.0,
            window.limits.saturated_share,
            above=True,
        ),
        hidden,
        lambda layers, share: (
            f"Up to {share:.0%} of the outputs of {layers} are stuck at the ends of the range of "
            "their activation function, where next to no gradient passes."
        ),
        "Gates that are meant to be fully open or closed look the same.",
    )
