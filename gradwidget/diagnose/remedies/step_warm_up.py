"""A warm-up that counts steps and is asked once an epoch."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def step_warm_up() -> Remedy:
    """Says what to change; only the loop knows what its schedule counts."""
    return Remedy(
        title="Call scheduler.step() after every batch",
        why="Look where scheduler.step() is called: a schedule that counts steps (OneCycleLR, a "
        "warm-up of some hundred steps) is asked after optimizer.step(), inside the loop over the "
        "batches. One that is meant to be asked once an epoch is given the number of epochs, not "
        "of steps.",
        code="",
    )
