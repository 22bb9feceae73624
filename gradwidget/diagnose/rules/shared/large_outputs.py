"""Whether outputs have left a usual scale; for losses that leave theirs."""

from __future__ import annotations

from gradwidget.diagnose.evidence.window import Window

LARGE = 10.0
"""RMS of outputs that are no usual logits or standardized targets."""


def outputs_are_large(window: Window) -> bool:
    """Whether the last layers give more than a usual scale of 1; True where it is not measured.

    A loss that was next to nothing by accident rises to a usual level with outputs of a usual size.
    """
    outputs = window.median("act_rms")[window.paths.last]
    outputs = outputs[outputs >= 0]
    return not outputs.size or bool(outputs.max() > LARGE)
