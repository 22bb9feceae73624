"""A learning rate so high that updates replace the weights instead of improving them, and the loss stays up.

Look-alikes that stay silent: a head that starts at zero, the first steps of an adaptive optimizer, a high rate that
works (the loss falls).
"""

from __future__ import annotations

from gradwidget.diagnose.finding import Finding
from gradwidget.diagnose.rules.movement import moves_of_the_network
from gradwidget.diagnose.sighting import Sighting
from gradwidget.diagnose.window import Window, holding_since
from gradwidget.diagnose.wording import figure


def lr_too_high(window: Window, active: Finding | None) -> Sighting | None:
    """Updates far above the healthy band while the loss does not come down."""
    limits = window.limits
    if active is None and window.history.version < 2 * limits.window:
        return None
    if not window.loss_left > limits.vanishing_loss_share:
        return None
    moves, layer = moves_of_the_network(window)
    if not moves > limits.update_high:
        return None
    values, steps = window.series("update_ratio", layer)
    return Sighting(
        severity="warning",
        message=f"Each step changes the weights by {moves:.0%} of their size (usual is 0.1%), and the loss stays at "
        f"{figure(window.loss)} (start {figure(window.start_loss)}): the learning rate is too high.",
        layers=(),
        first_step=holding_since(steps, values > limits.update_high),
        evidence={"value": moves, "bound": limits.update_high, "window": float(limits.window), "loss": window.loss},
        caveat="A loss that cannot fall, such as that of two networks playing against each other.",
    )
