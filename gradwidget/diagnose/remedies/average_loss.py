"""An average of what a step adds up."""

from __future__ import annotations

from gradwidget.diagnose.evidence.weight_rotation import Undivided
from gradwidget.diagnose.finding import Remedy


def average_loss(summed: Undivided) -> Remedy:
    """Divides the loss by what it adds up, or each loss of a step by their number."""
    times = summed.times
    of_each = "each loss" if summed.passes > 1 else "the loss"
    how = ' A loss of torch\'s does so with reduction="mean".' if summed.entries > 1 else ""
    return Remedy(
        title=f"Divide {of_each} by {times:,}",
        why=f"{summed.what} Learning rates are meant for an average.{how}",
        code=f"""\
# In the loop, this is one line before loss.backward():
#     loss = loss / {times}
# Steps of the same size without changing the loop; not both:
for group in optimizer.param_groups:
    group["lr"] /= {times}
""",
        action={"kind": "scale_lr", "factor": 1 / times},
    )
