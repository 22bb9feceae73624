"""The learning rate as it was before a schedule used it up."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def hold_rate() -> Remedy:
    """Sets the rate of each group, before every step, to the one that it was given at first."""
    return Remedy(
        title="Train at the rate that was asked for, without the schedule",
        why="A constant rate learns until the schedule is fixed, and gives a baseline to compare "
        "that with.",
        code="""\
# The same as leaving scheduler.step() out (handle.remove() undoes it):
first = [group.get("initial_lr", group["lr"]) for group in optimizer.param_groups]

def hold(optimizer, args, kwargs):
    for group, rate in zip(optimizer.param_groups, first):
        group["lr"] = rate

handle = optimizer.register_step_pre_hook(hold)
""",
    )
