"""A schedule that has used the learning rate up before anything was learned."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def lengthen_schedule(step: int) -> Remedy:
    """Says what to change; only the loop knows how long it is.

    Args:
        step: by which the rate was used up.
    """
    return Remedy(
        title="Let the schedule last for the whole run",
        why=f"Look where scheduler.step() is called: the rate was used up by step {step:,}. A "
        "scheduler that counts epochs is called once per epoch, after the loop over the batches "
        "and not in it; one that counts steps is given their number, epochs * len(loader).",
        code="",
    )
