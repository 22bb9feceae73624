"""Layers whose weights are far from the size that keeps the scale of what comes in, or 0."""

from __future__ import annotations

from itertools import permutations

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection
from gradwidget.frame import BoolArray, Layer

OVERSIZED = 5.0
"""Norm of a layer's weights over one that keeps the scale of what comes in."""

UNDERSIZED = 0.4
"""The same, below which a layer was drawn too small: PyTorch's own default has 0.58 (1/√3)."""

ENLARGED = 2.0
"""The same of weights as they were drawn, above which that is unusual: Kaiming's has 1.4 (√2)."""


def oversized(window: Window, *, at_start: bool = False) -> BoolArray:
    """Bool [layers]: those whose weight matrices are many times as large as is usual.

    Args:
        window: the newest frames.
        at_start: as they were drawn, not as they are now.
    """
    norms = window.first_weight_norm if at_start else window.median(window.weight)
    large: BoolArray = norms > OVERSIZED * window.traits.natural_norm
    return large & window.traits.matrices & window.trainable


def enlarged(window: Window) -> BoolArray:
    """Bool [layers]: those whose weight matrices were drawn larger than is usual."""
    large: BoolArray = window.first_weight_norm > ENLARGED * window.traits.natural_norm
    return large & window.traits.matrices


def undersized(window: Window) -> BoolArray:
    """Bool [layers]: those whose weight matrices were drawn far smaller than is usual."""
    small: BoolArray = window.first_weight_norm < UNDERSIZED * window.traits.natural_norm
    return small & window.traits.matrices & window.trainable


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
