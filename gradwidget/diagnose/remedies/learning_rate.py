"""A lower or higher learning rate."""

from __future__ import annotations

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Remedy
from gradwidget.wording import shown

FARTHEST = 1e6
"""Factor beyond which a rate is not corrected but given up: no mistake of a few zeros is that far.

What steps did to the weights then says nothing of the rate alone.
"""

USUAL = {"SGD": 0.01}
"""Rates to start with, by optimizer; 0.001 for others, which adapt their steps."""


def learning_rate(window: Window, factor: float, why: str) -> Remedy | None:
    """Multiplies the learning rate of every parameter group by ``factor``.

    Where that is absurd, sets it to the usual one; None where that would be no change in the same
    direction.
    """
    lr = window.frame.scalars.get("lr")
    if not 1 / FARTHEST <= factor <= FARTHEST:
        return _usual_rate(window, lr, higher=factor > 1)
    verb = "Lower" if factor < 1 else "Raise"
    by = f"{shown(1 / factor)}× lower" if factor < 1 else f"{shown(factor)}× higher"
    title = (
        f"{verb} the learning rate to {shown(lr * factor)}"
        if lr
        else f"{verb} the learning rate, {by}"
    )
    return Remedy(
        title=title,
        why=why,
        code=f"""\
for group in optimizer.param_groups:
    group["lr"] *= {factor:g}
# A scheduler that computes the rate from its own base rates needs the change there:
#     scheduler.base_lrs = [lr * {factor:g} for lr in scheduler.base_lrs]
""",
        action={"kind": "scale_lr", "factor": factor},
    )


def _usual_rate(window: Window, lr: float | None, *, higher: bool) -> Remedy | None:
    """The rate that the optimizer is usually started with."""
    rate = next((USUAL[one] for one in window.wiring.optimizers if one in USUAL), 0.001)
    if not lr or (rate > lr) != higher:
        return None
    return Remedy(
        title=f"Start again with a learning rate of {rate:g}",
        why=f"{shown(lr)} is so far from what is usual that nothing measured under it tells how "
        "far. From fresh weights; then look at how far a step moves them.",
        code=f"""\
for group in optimizer.param_groups:
    group["lr"] = {rate:g}
""",
        action={"kind": "scale_lr", "factor": rate / lr},
    )
