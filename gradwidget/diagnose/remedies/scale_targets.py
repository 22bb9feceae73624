"""Targets of a size that a network can give."""

from __future__ import annotations

from gradwidget.diagnose.evidence.regression_error import is_squared, outweighing
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.output_scaling import at_the_end, by_first_gradient
from gradwidget.wording import shown


def scale_targets(residual: float, window: Window) -> Remedy:
    """Has the model give its outputs in the units of the targets.

    Args:
        residual: how far the outputs are from the targets at the start.
        window: the newest frames.
    """
    heavy = outweighing(window)
    return Remedy(
        title="Scale the targets",
        why="Look where the targets are made: y = (y - mean) / deviation, by the mean and standard "
        "deviation of the training targets, and y * deviation + mean for what the model predicts. "
        f"They are now about {shown(residual)}. For amounts over several powers of ten, their "
        "logarithm.",
        code=by_first_gradient(residual, None if heavy is None else heavy.layer)
        if is_squared(window)
        else at_the_end("model", residual, 0.0),
    )
