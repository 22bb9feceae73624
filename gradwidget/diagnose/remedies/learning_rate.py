"""A lower or higher learning rate."""

from __future__ import annotations

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Remedy
from gradwidget.wording import shown


def learning_rate(window: Window, factor: float, why: str) -> Remedy:
    """Multiplies the learning rate of every parameter group by ``factor``."""
    lr = window.frame.scalars.get("lr")
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
