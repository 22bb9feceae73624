"""Layers whose weights are far from the size that keeps the scale of what comes in, or 0."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from gradwidget.diagnose.evidence.paths import Floats
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection
from gradwidget.frame import BoolArray, Layer

OVERSIZED = 5.0
"""Relative size from which a layer's weights are many times as large as is usual."""

UNDERSIZED = 0.4
"""That below which a layer was drawn too small: PyTorch's own default has 0.58 (1/√3)."""

ENLARGED = 2.0
"""That above which weights were drawn larger than is usual: Kaiming's have 1.4 (√2)."""


def relative_size(window: Window, *, at_start: bool) -> Floats:
    """float64 [layers]: norm of the weight matrices over one that keeps the scale of what comes in.

    NaN for layers that have none.

    Args:
        window: the newest frames.
        at_start: as they were drawn, not as they are now.
    """
    traits = window.traits
    norms = window.first_weight_norm if at_start else window.median(window.weight)
    usual = np.where(traits.matrices, traits.natural_norm, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):  # a matrix may be empty
        size: Floats = norms / usual
    return size


def oversized(window: Window, *, at_start: bool = False) -> BoolArray:
    """Bool [layers]: those to be trained whose weight matrices are many times as large as is usual.

    Args:
        window: the newest frames.
        at_start: as they were drawn, not as they are now.
    """
    large: BoolArray = relative_size(window, at_start=at_start) > OVERSIZED
    return large & window.trainable


def zero_weights(detection: Detection, window: Window) -> list[Layer]:
    """The layers whose zero weights may explain why others get a gradient of exactly 0.

    None where the last layer is not among them and gets such a gradient as well: then it is 0
    before it reaches any weight.
    """
    zero = [
        layer
        for layer, norm in zip(window.layers, window.median(window.weight), strict=True)
        if layer.trainable and (norm == 0 or _may_have_zero_factors(layer))
    ]
    last = [layer for layer in window.layers if layer.trainable][-1:]
    is_unexplained = any(one.name in detection.layers and one not in zero for one in last)
    return [] if is_unexplained else zero


def _may_have_zero_factors(layer: Layer) -> bool:
    """Whether it has two matrices to be multiplied, which may be 0: an adapter beside its layer."""
    matrices = [shape for shape in layer.shapes.values() if len(shape) == 2]
    return any(first[0] == then[1] for first, then in permutations(matrices, 2))
