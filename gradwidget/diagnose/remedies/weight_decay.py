"""More or less weight decay."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def weight_decay(*, more: bool) -> Remedy:
    """Adds decay that holds growing weights, or takes away one that eats them."""
    if more:
        return Remedy(
            title="Add weight decay",
            why="It pulls each weight back in proportion to its size, so growth stops where the gradient balances it.",
            code="""\
for group in optimizer.param_groups:
    group["weight_decay"] = max(group.get("weight_decay", 0.0), 0.01)
""",
        )
    return Remedy(
        title="Take the weight decay off",
        why="Decay shrinks every weight at each step; where the gradient does not answer, nothing is left.",
        code="""\
for group in optimizer.param_groups:
    group["weight_decay"] = 0.0
""",
    )
