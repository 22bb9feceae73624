"""Saturated units: outputs of sigmoid or tanh at the ends of their range.

The slope there is nearly 0, and so is the gradient. Not reported: the output layer of a classifier,
which saturates when it is confident, nor any other layer whose output enters the loss.
"""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.level import Level, beyond
from gradwidget.frame import BoolArray


def saturated(window: Window, active: Finding | None) -> Detection | None:
    """Layers most of whose outputs are saturated, the last ones only while nothing is learned."""
    del active  # the median over many steps is stable enough
    if "act_saturated_fraction" not in window.history:
        return None  # nothing here can be
    hidden = window.trainable & ~_are_sure(window)
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


def _are_sure(window: Window) -> BoolArray:
    """Bool [layers]: outputs that may be at an end of their range, for that is the answer."""
    sure = np.zeros(len(window.layers), np.bool_)
    flows = np.flatnonzero(~np.isnan(window.median("act_rms")))
    if not flows.size:
        return sure
    # A classifier is sure of what it has learned, or of what it will unlearn again.
    is_low = not (window.loss_is_high and np.isfinite(window.loss))
    sure[flows[-1] :] = is_low or window.layers[flows[-1]].activation == "softmax"
    # So is each of several heads, exits and masks, even one whose answer flows on into others. Of a
    # sum of losses the whole may stay high, where one of them cannot fall far.
    ends = window.wiring.last
    if is_low or (len(ends) > 1 and window.has_learned):
        sure |= np.array([layer.name in ends for layer in window.layers], np.bool_)
    return sure
