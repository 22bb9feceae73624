"""A learning rate so high that updates replace the weights, and the loss stays high.

Not reported: a head that starts at zero, the first steps of an adaptive optimizer, a high rate that
works (the loss falls), weight decay, which changes the norm of the weights and not their direction.
"""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.weight_rotation import rotations
from gradwidget.diagnose.evidence.window import Window, middle
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.frame import BoolArray
from gradwidget.record.history import RECENT
from gradwidget.wording import shown


def lr_too_high(window: Window, active: Finding | None) -> Detection | None:
    """Updates far above the healthy range while the loss does not fall."""
    limits = window.limits
    if active is None and window.history.version < 2 * limits.window:
        return None
    if not (window.loss_is_high and np.isfinite(window.loss)):
        return None
    if _falling(window):
        return None
    recent = rotations(window, limits.window, of_start=True)
    moves = middle(recent)
    if np.isfinite(recent).sum() < window.enough or not moves > limits.update_high:
        return None
    values = rotations(window, RECENT, of_start=True)
    known = np.isfinite(values)
    steps = [int(step) for step in window.history.recent_steps(RECENT)[known][::-1]]
    return Detection(
        severity="warning",
        message=f"Each step changes the weights by {moves:,.0%} of their size (0.1% is usual), "
        f"and the loss stays at {shown(window.loss)} ({shown(window.start_loss)} at the start): "
        "the learning rate is too high.",
        layers=(),
        first_step=_since(steps, values[known][::-1] > limits.update_high, limits.window),
        evidence={
            "value": moves,
            "bound": limits.update_high,
            "window": float(limits.window),
            "loss": window.loss,
        },
        caveat="Fine if the loss cannot fall, as with two networks that are trained against each "
        "other.",
    )


def _since(steps: list[int], holds: BoolArray, misses: int) -> int:
    """The oldest step of the evidence, newest first, not broken by that many frames in a row.

    A rate that is too high may have killed the gradient, and with it the updates that show it.
    """
    since, missed = steps[0], 0
    for step, held in zip(steps, holds, strict=True):
        missed = 0 if held else missed + 1
        if missed > misses:
            break
        since = step if held else since
    return since


def _falling(window: Window) -> bool:
    """Whether the loss is falling."""
    size = window.limits.window
    before = middle(window.history.recent_scalar("loss", 2 * size)[:-size])
    return before - window.loss > (1 - window.limits.update_falling) * abs(before)
