"""A bound for a learning rate that a schedule still raises."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy
from gradwidget.wording import shown


def cap_rate(first: float, now: float, most: float) -> Remedy:
    """Keeps the rate of every group at a bound, whatever its schedule gives.

    Args:
        first: the rate at the first step.
        now: that at the newest.
        most: the bound.
    """
    return Remedy(
        title=f"Hold the learning rate at {shown(most)}, which its schedule still raises",
        why=f"The schedule has raised it from {shown(first)} to {shown(now)} so far. A warm-up "
        "should end at the intended rate: look for a missing bound in what the scheduler computes, "
        "as in min(1, step / warmup), and at how often scheduler.step() is called.",
        code=f"""\
# A bound that holds until the schedule has one (handle.remove() undoes it):
def cap(optimizer, args, kwargs):
    for group in optimizer.param_groups:
        group["lr"] = min(group["lr"], {most:.2g})

handle = optimizer.register_step_pre_hook(cap)
""",
    )
