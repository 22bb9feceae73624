"""A schedule that gives a learning rate of 0."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def check_schedule() -> Remedy:
    """Says where to look; only the loop knows what its schedule should be."""
    return Remedy(
        title="Look at the schedule: it gives a rate of 0",
        why="Look at what the scheduler computes: an integer division (step // warmup), a factor "
        "of 0 at the start that never rises since scheduler.step() is not called, an epoch that "
        "is counted from elsewhere.",
        code="",
    )
