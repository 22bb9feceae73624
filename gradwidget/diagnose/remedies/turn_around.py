"""Descend the loss instead of climbing it."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def turn_around(*, maximizes: bool) -> Remedy:
    """Has the optimizer minimize; where it does already, says where to look for the sign.

    Args:
        maximizes: whether the optimizer is set to maximize.
    """
    if maximizes:
        return Remedy(
            title="Minimize the loss: maximize=False",
            why="The optimizer was made with maximize=True, which is for rewards.",
            code="""\
for group in optimizer.param_groups:
    group["maximize"] = False
""",
        )
    return Remedy(
        title="Look at the sign of the loss",
        why="Look where the loss is made for a minus too many or too few: an error is minimized as "
        "it is, a log-likelihood or a reward with a minus before it, and only once. A lower "
        "learning rate takes longer to the same end.",
        code="",
    )
