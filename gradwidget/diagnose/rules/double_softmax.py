"""Outputs that are already probabilities, given to a loss that applies softmax or sigmoid itself.

The gradient is then small wherever the model is sure, right or wrong. Not reported: softmax inside
the network, as in attention, log-softmax twice, which changes nothing.
"""

from __future__ import annotations

from itertools import pairwise

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding

TWICE = {
    ("log_softmax", "softmax"): ("cross-entropy", "softmax"),
    ("log_softmax", "sigmoid"): ("cross-entropy", "sigmoid"),
    ("binary_cross_entropy_with_logits", "sigmoid"): ("BCEWithLogitsLoss", "sigmoid"),
    ("binary_cross_entropy_with_logits", "softmax"): ("BCEWithLogitsLoss", "softmax"),
}
"""Operations that follow each other from the loss down, and what they are called."""


def double_softmax(window: Window, active: Finding | None) -> Detection | None:
    """A softmax or sigmoid right below the loss's own."""
    del active  # exact
    found = next((TWICE[pair] for pair in pairwise(window.wiring.loss_path) if pair in TWICE), None)
    if found is None:
        return None
    loss, operation = found
    return Detection(
        severity="warning",
        message=f"The output goes through a {operation}, and {loss} applies one itself: give it "
        f"the output from before the {operation}.",
        layers=(),
        first_step=window.history.first_step or 0,
        evidence={"value": 2.0, "bound": 1.0, "window": 1.0},
        caveat="None: the loss is then never near 0, and the gradient is too small.",
    )
