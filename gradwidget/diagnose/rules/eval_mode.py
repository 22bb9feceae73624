"""Training in evaluation mode: dropout is off and batch statistics are not learned.

Not reported: a part of the model in evaluation mode on purpose, such as frozen norm layers beside
dropout that is on, a model without any layer to which it matters, evaluation between the epochs.
"""

from __future__ import annotations

from dataclasses import replace

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.flagged import flagged

SAME_IN_BOTH = frozenset({"LayerNorm", "GroupNorm", "RMSNorm"})
"""Norm layers without statistics of their own: the mode does not matter to them."""


def eval_mode(window: Window, active: Finding | None) -> Detection | None:
    """Every layer with a mode is in evaluation mode in steps that train."""
    del active  # exact
    detection = flagged(
        window,
        "eval_mode",
        "warning",
        "The model is trained in evaluation mode: its dropout is off, and its batch norm "
        "layers use statistics that they do not update.",
        "Fine if a pretrained model is fine-tuned in this mode on purpose.",
    )
    norms = {layer.kind for layer in window.layers if "Norm" in layer.kind}
    if detection is None or not norms <= SAME_IN_BOTH:
        return detection
    # Dropout that is off makes nothing else go wrong.
    return replace(detection, evidence={**detection.evidence, "idle": 1.0})
