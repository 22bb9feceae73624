"""Give the loss the output from before the softmax or sigmoid."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import without_last


def remove_softmax() -> Remedy:
    """Takes the last softmax or sigmoid module out of the model."""
    return Remedy(
        title="Remove the last softmax or sigmoid",
        why="CrossEntropyLoss and BCEWithLogitsLoss expect logits and apply it themselves; "
        "for predictions, apply it outside of the model.",
        code=without_last("softmax", "sigmoid"),
    )
