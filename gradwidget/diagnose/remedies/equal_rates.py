"""One learning rate for all parameter groups."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def equal_rates() -> Remedy:
    """Sets the rate of every parameter group to the highest of them."""
    return Remedy(
        title="Give all parameter groups one learning rate",
        why="These layers move far less than others for the gradient that they get: their "
        "parameter group has a lower rate.",
        code="""\
highest = max(group["lr"] for group in optimizer.param_groups)
for group in optimizer.param_groups:
    group["lr"] = highest
""",
    )
