"""Dead ReLU units: they are zero for every input, and so never get a gradient again.

A unit counts as dead at a step if it is zero for that whole batch. Not reported: sparse layers
(about half of a healthy layer's outputs are zero, but not always of the same units), and the few
dead units of any wide layer.
"""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.level import Level, beyond
from gradwidget.frame import BoolArray

UNRECTIFIED = ("tanh", "sigmoid", "softmax")
"""Activation functions whose units are 0 only where their input is."""


def dead_relu(window: Window, active: Finding | None) -> Detection | None:
    """Layers most of whose units are dead."""
    del active  # the median over many steps is stable enough
    return beyond(
        window,
        Level(
            "act_dead_fraction",
            window.lasting("act_dead_fraction"),
            1.0,
            window.limits.dead_share,
            above=True,
        ),
        window.trainable & _rectified(window) & ~(window.median(window.weight) == 0),
        lambda layers, share: (
            f"Up to {share:.0%} of the units of {layers} never activate: they get no gradient and "
            "cannot recover by themselves."
        ),
        "With very small batches, a unit that rarely activates looks dead.",
    )


def _rectified(window: Window) -> BoolArray:
    """Bool [layers]: whether an output of 0 means that a unit is off.

    An embedding has no units: it looks up rows, and that of the padding is 0.
    """
    return np.array(
        [
            layer.activation not in UNRECTIFIED
            and (layer.activation is not None or not layer.kind.startswith("Embedding"))
            for layer in window.layers
        ],
        np.bool_,
    )
