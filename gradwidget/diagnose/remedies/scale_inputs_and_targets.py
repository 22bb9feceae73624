"""Inputs of a size that layers can handle, where the model is to give them back."""

from __future__ import annotations

import math

import numpy as np

from gradwidget.diagnose.evidence.regression_error import ABSOLUTE, SQUARED
from gradwidget.diagnose.evidence.window import Window, middle
from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import among, quote
from gradwidget.diagnose.remedies.shared.output_scaling import output_scaling
from gradwidget.frame import ROOT, Layer

LEAST = 8
"""Numbers of which as many come out as enter; of fewer that may be chance."""


def scale_inputs_and_targets(scaled: Remedy, window: Window) -> Remedy | None:
    """Scales the inputs, and gives what comes out their units again, as targets have that are them.

    None where no last layer has as many features as enter, where these are a few numbers and no
    image, or where the loss is of no differences.

    Args:
        scaled: what scales the inputs alone.
        window: the newest frames.
    """
    first = [_entering(layer) for layer in among(window, ~window.paths.fed)]
    last = [
        layer
        for layer in among(window, window.paths.last)
        if layer.name != ROOT and _leaving(layer) in first and not _may_be_chance(layer)
    ]
    if len(last) != 1 or not last[0].is_module or not _is_of_differences(window):
        return None
    frames = window.limits.window
    mean = middle(window.history.start_scalar("input_mean")[:frames])
    deviation = middle(window.history.start_scalar("input_std")[:frames])
    # Others adapt their steps to whatever size the gradient has.
    is_plain = "SGD" in window.wiring.optimizers
    return Remedy(
        title="Scale the inputs, and the targets that equal them",
        why="Where the targets are the inputs, as an autoencoder has them, both have to be scaled: "
        "look where they are loaded. Until then the last layer can give its outputs in their "
        "units.",
        code=scaled.code
        + output_scaling(
            f"model.get_submodule({quote(last[0].name)})",
            deviation,
            mean,
            _power(middle(window.first_losses[:frames]), deviation) if is_plain else 0,
        ),
    )


def _is_of_differences(window: Window) -> bool:
    operations = set(window.wiring.loss_path)
    is_of_classes = any("nll_loss" in one or "cross_entropy" in one for one in operations)
    return not is_of_classes and not operations.isdisjoint(SQUARED | ABSOLUTE)


def _power(loss: float, scale: float) -> int:
    """The power of the scale that a loss has at the start: 0 where it is divided by it."""
    if not (loss > 0 and scale > 0 and abs(math.log(scale)) > 1):
        return 0
    return int(np.clip(round(math.log(loss) / math.log(scale)), 0, 2))


def _may_be_chance(layer: Layer) -> bool:
    shape = _matrix(layer)
    return len(shape) == 2 and shape[0] < LEAST


def _entering(layer: Layer) -> int | None:
    shape = _matrix(layer)
    return shape[0 if "Transpose" in layer.kind else 1] if shape else None


def _leaving(layer: Layer) -> int | None:
    shape = _matrix(layer)
    return shape[1 if "Transpose" in layer.kind else 0] if shape else None


def _matrix(layer: Layer) -> tuple[int, ...]:
    return next((shape for shape in layer.shapes.values() if len(shape) > 1), ())
