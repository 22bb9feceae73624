"""Targets of a size that a network can give, together with its inputs."""

from __future__ import annotations

from gradwidget.diagnose.evidence.regression_error import far_targets, is_squared
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import among, quote
from gradwidget.diagnose.remedies.shared.output_scaling import at_the_end, by_first_gradient
from gradwidget.frame import ROOT


def scale_targets_too(scaled: Remedy | None, window: Window) -> Remedy | None:
    """Scales the inputs, and has the model give its outputs in the units of the targets.

    The remedy as it is where it has no code, or where the targets are not known to be far.

    Args:
        scaled: what scales the inputs alone.
        window: the newest frames.
    """
    far = far_targets(window)
    if scaled is None or far is None or not scaled.code:
        return scaled
    last = among(window, window.paths.last)
    # The model itself may give more than its outputs.
    is_one = len(last) == 1 and last[0].is_module and last[0].name != ROOT
    layer = last[0].name if is_one else None
    mean, deviation = far.known or (0.0, far.size)
    return Remedy(
        title=f"{scaled.title}, and the targets",
        why=f"{scaled.why} Look where the targets are made, which have {far.in_words}: y = (y - "
        "mean) / deviation, by the mean and standard deviation of the training targets, and y * "
        "deviation + mean for what the model predicts.",
        code=f"{scaled.code}\n"
        + (
            by_first_gradient(far.size, layer)
            if is_squared(window)
            else at_the_end(_module(layer), deviation, mean)
        ),
    )


def _module(layer: str | None) -> str:
    return "model" if layer is None else f"model.get_submodule({quote(layer)})"
