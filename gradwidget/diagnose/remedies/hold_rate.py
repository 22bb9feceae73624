"""The learning rate as it was before a schedule used it up."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def hold_rate(*, at_peak: bool = False) -> Remedy:
    """Sets the rate of each group, before every step, to the one that it was given at first.

    Args:
        at_peak: where the schedule itself says to which rate it leads, to that one.
    """
    asked_for = 'group.get("initial_lr", group["lr"])'
    if at_peak:
        asked_for = f'group.get("max_lr", {asked_for})'
    return Remedy(
        title="Train at the rate that was asked for, without the schedule",
        why="A constant rate learns until the schedule is fixed, and gives a baseline to compare "
        "that with.",
        code=f"""\
# The same as leaving the scheduler out (handle.remove() undoes it):
rates = [
    {asked_for}
    for group in optimizer.param_groups
]

def hold(optimizer, args, kwargs):
    for group, rate in zip(optimizer.param_groups, rates):
        group["lr"] = rate

handle = optimizer.register_step_pre_hook(hold)
""",
    )
