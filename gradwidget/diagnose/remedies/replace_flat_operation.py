"""Replace an operation with a slope of 0 between the last layer and the loss."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def replace_flat_operation(operation: str | None) -> Remedy:
    """Says where to look; only a change of the code can do it.

    Args:
        operation: the flat operation in words; None where it is not known.
    """
    what = operation or "a clamp, a rounding, a sign, an argmax or a saturated activation"
    return Remedy(
        title=f"Replace {what} before the loss",
        why="Where it is flat, no gradient passes. For what must not be negative, softplus has a "
        "slope everywhere, unlike ReLU. For errors that should not count too much, use "
        "torch.nn.functional.smooth_l1_loss instead of clamping; give a criterion that expects "
        "logits the outputs from before the sigmoid or softmax, and cross_entropy the logits of "
        "all classes instead of the predicted class.",
        code="",
    )
