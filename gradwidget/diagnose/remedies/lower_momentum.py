"""A momentum with which steps add up to no end."""

from __future__ import annotations

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Remedy
from gradwidget.wording import shown

HIGH, USUAL = 0.99, 0.9
"""Momentum from which a hundred steps and more add up, and the one that is usual."""

ADD_UP = frozenset({"SGD", "RMSprop"})
"""Optimizers whose momentum adds steps up; others average them."""


def lower_momentum(window: Window) -> Remedy | None:
    """Sets the momentum to the usual one; None where it is not higher than that by far."""
    momentum = window.frame.scalars.get("momentum", 0.0)
    if not HIGH <= momentum < 1 or ADD_UP.isdisjoint(window.wiring.optimizers):
        return None
    return Remedy(
        title=f"Lower the momentum to {USUAL:g}",
        why=f"With a momentum of {momentum:g}, steps in one direction add up to "
        f"{shown(1 / (1 - momentum))}× the learning rate, and overshoot; with {USUAL:g} to "
        f"{1 / (1 - USUAL):.0f}×.",
        code=f"""\
for group in optimizer.param_groups:
    if "momentum" in group:
        group["momentum"] = min(group["momentum"], {USUAL:g})
""",
    )
