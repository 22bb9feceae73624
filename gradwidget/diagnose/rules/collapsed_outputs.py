"""Different inputs have become alike before they reach the last layer: nothing tells them apart.

Many layers without a way around them do that, above all with norm layers that hide it from the
gradients. Not reported: a run that learns, features that are just moving apart again as after the
first steps of a transformer, data that enters the last layer itself, a batch whose inputs are all
the same.
"""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.level import Level, beyond
from gradwidget.frame import BoolArray


def collapsed_outputs(window: Window, active: Finding | None) -> Detection | None:
    """Last layers whose inputs hardly differ over the batch, while nothing is learned."""
    limits = window.limits
    if active is None and window.age < limits.plateau_steps // 2:
        return None
    if window.has_learned or not window.loss_left > limits.plateau_share:
        return None
    if window.frame.scalars.get("input_std") == 0:
        return None
    lasting = window.lasting("input_spread")
    among = _features(window)
    if active is None:
        with np.errstate(invalid="ignore"):
            among &= lasting < limits.collapsed_spread
            among &= ~(window.median("input_spread") > limits.spread_grows * lasting)
    # It began where the spread fell out of what is usual, and lasts until it is back there.
    return beyond(
        window,
        Level("input_spread", lasting, 1.0, limits.spread_back, above=False),
        among,
        lambda layers, spread: (
            f"Different inputs have become alike before {layers}: only {spread:.1%} of the "
            "activations there differs from sample to sample, so the model gives all of them "
            "nearly the same output."
        ),
        "Fine if the inputs of a batch are alike themselves.",
    )


def _features(window: Window) -> BoolArray:
    """Bool [layers]: the layers that are given what other layers made, not data."""
    given: BoolArray = window.paths.fed
    return given
