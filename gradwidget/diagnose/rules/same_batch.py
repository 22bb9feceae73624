"""The same batch at every step, where the loop means to go through all of them.

Not reported: one tensor that is used again and again on purpose, or copies of it, a data set of a
single batch, steps that are so far apart that each may have met the same batch of another epoch.
"""

from __future__ import annotations

import math

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.flagged import flagged_steps


def same_batch(window: Window, active: Finding | None) -> Detection | None:
    """The batch of the step before, fetched again, in every frame for a while."""
    limits = window.limits
    needed = 3 * limits.certain_frames
    steps = flagged_steps(window, "same_batch")
    # Batches of one sample that is repeated are all the same as well; bad_inputs says that.
    if not steps or window.frame.scalars.get("input_variety", math.inf) < limits.samples_alike:
        return None
    if active is None:
        # Batches that come again each epoch are the same one if all steps between are multiples of
        # the length of an epoch.
        is_epoch = len(steps) > 1 and math.gcd(*(-np.diff(steps)).tolist()) > 1
        spans = steps[0] - steps[-1] + 1
        if is_epoch or len(steps) < needed or spans < limits.lasting_steps:
            return None
    return Detection(
        severity="critical",
        message="Every step trains on the same batch, although there is more data: the model never "
        "sees the rest.",
        layers=(),
        first_step=min(steps[-1], active.first_step) if active is not None else steps[-1],
        evidence={"value": 1.0, "bound": 0.0, "window": float(needed)},
        caveat="Fine if the model is meant to learn this one batch by heart, as a test.",
    )
