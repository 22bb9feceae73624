"""Layers that are drawn, or shifted, so far out that their outputs are at an end."""

from __future__ import annotations

from gradwidget.diagnose.evidence.window import Window
from gradwidget.frame import BoolArray

OVERSIZED = 5.0
"""Norm of a layer's weights over one that keeps the scale of what comes in."""


def oversized(window: Window, *, at_start: bool = False) -> BoolArray:
    """Bool [layers]: those whose weight matrices are many times as large as is usual.

    Args:
        window: the newest frames.
        at_start: as they were drawn, not as they are now.
    """
    norms = window.first_weight_norm if at_start else window.median(window.weight)
    large: BoolArray = norms > OVERSIZED * window.traits.natural_norm
    return large & window.traits.matrices & window.trainable
