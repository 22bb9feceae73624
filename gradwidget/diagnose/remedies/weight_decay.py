"""More or less weight decay."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def weight_decay(*, more: bool) -> Remedy:
    """Adds decay that limits growing weights, or removes decay that shrinks them."""
    if more:
        return Remedy(
            title="Add weight decay",
            why="It shrinks each weight in proportion to its size, so growth ends where the two "
            "balance.",
            code="""\
for group in optimizer.param_groups:
    group["weight_decay"] = max(group.get("weight_decay", 0.0), 0.01)
""",
        )
    return Remedy(
        title="Remove the weight decay",
        why="Decay shrinks every weight at each step; where the gradient does not balance it, "
        "nothing is left in the end.",
        code="""\
for group in optimizer.param_groups:
    group["weight_decay"] = 0.0
""",
    )
