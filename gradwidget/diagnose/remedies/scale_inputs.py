"""Inputs of a size that layers can handle."""

from __future__ import annotations

import math

from gradwidget.diagnose.evidence.onset import first_level
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Remedy
from gradwidget.wording import shown

LARGE = 3.0
"""RMS of the inputs from which they push units to their ends, where weights are of a usual size."""


def scale_inputs(window: Window, *, if_large: bool = False) -> Remedy | None:
    """Scales the inputs to mean 0 and standard deviation 1, by what was measured.

    None where no inputs were measured, or where they are all the same.

    Args:
        window: the newest frames.
        if_large: only where they are large, of which nothing else is known.
    """
    size = first_level(window, "input_rms")
    if if_large and not size > LARGE:
        return None
    mean, deviation = first_level(window, "input_mean"), first_level(window, "input_std")
    if not (math.isfinite(mean) and deviation > 0):
        return None
    title = "Scale the inputs"
    why = (
        f"They have a mean of {shown(mean)} and a standard deviation of {shown(deviation)}; layers "
        "are initialized for about 0 and 1 (LeCun et al., Efficient BackProp)."
    )
    if window.has_opponent:
        # What one network makes for the other is not of that scale, and must not be scaled so.
        return Remedy(
            title=title,
            why=f"{why} Scale the data where it is loaded, so that the other network is held "
            "against the scaled data as well.",
            code="",
        )
    return Remedy(
        title=title,
        why=why,
        code=f"""\
# Better: scale each feature by the statistics of the training data, once. This scales all by the
# numbers that were measured (handle.remove() undoes it):
def scale(module, inputs):
    return tuple(
        (x.float() - {mean:.6g}) / {deviation:.6g}
        if isinstance(x, torch.Tensor) and x.is_floating_point()
        else x
        for x in inputs
    )

handle = model.register_forward_pre_hook(scale)
""",
    )
