"""Single updates that make the loss jump up.

The noise of small batches moves the loss as well. The update in between tells them apart: a jump
counts only after a step that changed the weights a lot, or where a dropout leaves next to nothing
of what layers give. Not reported: noisy batches, rare hard
batches, other data, a rise over many steps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradwidget.diagnose.evidence.new_data import after_leaps
from gradwidget.diagnose.evidence.paths import Floats
from gradwidget.diagnose.evidence.weight_rotation import rotations
from gradwidget.diagnose.evidence.window import BEYOND_NOISE_OF_ONE, Window
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.frame import BoolArray
from gradwidget.wording import shown

FAR_PAST = 3.0
"""Times the usual bound past which an update explains whatever the loss does next."""


def loss_unstable(window: Window, active: Finding | None) -> Detection | None:
    """Several jumps of the loss in the newest steps, each after a large update."""
    del active  # the count over the window is stable enough
    limits = window.limits
    start = window.start_loss
    # What is left of the units of a layer by a dropout of nearly all of them is another net at
    # every step.
    dropped = window.frame.scalars.get("most_dropped", 0.0)
    is_dropped = dropped > limits.dropout_high and window.level_left > limits.plateau_share
    steps, loss = _losses_of_all_steps(window) if is_dropped else _losses_of_frames(window)
    if len(loss) < 3 or not np.isfinite(start):
        return None
    # Large jumps, relative to the initial loss too: a low loss that doubles is not unstable.
    with np.errstate(invalid="ignore"):
        rise = np.diff(loss) > np.fmax(0.5 * np.abs(loss[:-1]), limits.unstable_rise * abs(start))
    if rise.sum() < limits.unstable_jumps:
        return None
    # Of these, the ones right after a step that rotated the weights far.
    if not is_dropped:
        rise &= (np.diff(steps) == 1) & _explained(window, np.diff(loss))
    jumps = np.flatnonzero(rise)
    if len(jumps) < limits.unstable_jumps:
        return None
    worst = float(np.max((loss[jumps + 1] - loss[jumps]) / abs(start)))
    message = (
        f"The loss is unstable: {len(jumps)} of the last {len(loss)} updates raised it by half or "
        f"more, the worst by {shown(worst)}× the initial loss"
    )
    if is_dropped:
        message += f"; a dropout of {dropped:.0%} zeroes nearly all that layers give"
    return Detection(
        severity="warning",
        message=f"{message}.",
        layers=(),
        first_step=int(steps[jumps[0]]),
        evidence={
            "value": float(len(jumps)),
            "bound": float(limits.unstable_jumps),
            "window": float(len(loss)),
            "worst": worst,
            **({"dropped": dropped} if is_dropped else {}),
        },
        caveat="Batches of very different difficulty at a high learning rate look the same.",
    )


def _explained(window: Window, rises: Floats) -> BoolArray:
    """Which rises from frame to frame the update in between explains: one that was large.

    One that was somewhat large explains none that is as usual from batch to batch, nor what other
    data bring with them.
    """
    limits = window.limits
    moves = rotations(window, limits.unstable_window)[-len(rises) - 1 : -1]
    is_new = after_leaps(window, limits.unstable_window)[-len(rises) :]
    is_usual = ~(rises > BEYOND_NOISE_OF_ONE * window.loss_noise)
    least = np.where(is_usual | is_new, FAR_PAST * limits.unstable_update, limits.unstable_update)
    with np.errstate(invalid="ignore"):
        explained: BoolArray = moves > least
    return explained


def _losses_of_frames(window: Window) -> tuple[NDArray[np.int64], Floats]:
    """Steps and losses of the newest frames; NaN where another network had its turn."""
    frames = window.limits.unstable_window
    loss = window.history.recent_scalar("loss", frames).astype(np.float64)
    loss[~window.same_turn(frames)] = np.nan
    return window.history.recent_steps(frames), loss


def _losses_of_all_steps(window: Window) -> tuple[NDArray[np.int64], Floats]:
    """The same of the newest steps, sampled or not: jumps that no measured update has to explain.

    Of the frames alone where the losses between them are not known.
    """
    if not window.knows_steps:
        return _losses_of_frames(window)
    return window.history.losses.recent(window.limits.unstable_window)
