"""Look at what comes between the last layer and the loss."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def look_behind(operation: str | None) -> Remedy:
    """Says where to look; only a change of the code can do it.

    Args:
        operation: the flat operation in words; None where it is not known.
    """
    what = operation or "a clamp, a rounding, an argmax or a saturated activation"
    return Remedy(
        title=f"Replace {what} before the loss",
        why="Where it is flat, no gradient passes. For what must not be negative, softplus has a "
        "slope everywhere, and ReLU has not. For errors that should not count too much, use "
        "torch.nn.functional.smooth_l1_loss in place of clamping; give a criterion that works on "
        "plain outputs the outputs from before the squash, and cross_entropy the scores of all "
        "classes in place of the one with the highest.",
        code="",
    )
