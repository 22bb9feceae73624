"""Trainable parameters that no optimizer holds: they get a gradient and never change.

Not reported: frozen parameters, optimizers that take turns, parameters whose optimizer has yet to
make its first step, what runs without gradients alone, as a target network does.
"""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.window import Window, holding_since
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.flagged import flagged_since
from gradwidget.frame import BoolArray
from gradwidget.record.history import RECENT
from gradwidget.wording import names


def not_in_optimizer(window: Window, active: Finding | None) -> Detection | None:
    """Layers that have a parameter in no optimizer that has stepped."""
    return _none_at_all(window) or _left_out(window, active)


def _none_at_all(window: Window) -> Detection | None:
    """Backward passes reach the model, and the optimizer that steps is that of another one."""
    since = flagged_since(window, "unstepped", 1)
    if since is None or not window.frame.scalars.get("stepped_elsewhere", 0.0) > 0:
        return None
    return Detection(
        severity="critical",
        message="An optimizer steps, and it holds none of this model's parameters: they get a "
        "gradient at every step and never change.",
        layers=tuple(layer.name for layer in window.layers if layer.trainable),
        first_step=since,
        evidence={"value": 0.0, "bound": 1.0, "window": window.frame.scalars["unstepped"]},
        caveat="Fine if gradients only pass through this model to what is trained.",
    )


def _left_out(window: Window, active: Finding | None) -> Detection | None:
    limits = window.limits
    if active is None and window.age < limits.optimizer_steps:
        return None
    held = window.latest("optimized_fraction", limits.certain_frames)
    with np.errstate(invalid="ignore"):
        left_out = (held < 1).all(axis=0) & window.trainable
    if left_out.any():
        left_out &= ~_without_gradients(window)
    if len(held) < limits.certain_frames or not left_out.any():
        return None
    layers = tuple(window.layers[i].name for i in np.flatnonzero(left_out))
    first = int(np.flatnonzero(left_out)[0])
    values, steps = window.series("optimized_fraction", first)
    return Detection(
        severity="warning",
        message=f"No optimizer holds the parameters of {names(layers)}: they never change, "
        "whatever their gradient.",
        layers=layers,
        first_step=holding_since(steps, values < 1),
        evidence={"value": float(held[0, first]), "bound": 1.0, "window": float(len(held))},
        caveat="Fine if they are meant to stay as they are; requires_grad_(False) then saves their "
        "gradients.",
    )


def _without_gradients(window: Window) -> BoolArray:
    """Bool [layers]: which were seen, and never with anything that a loss depends on."""
    feeds = window.wiring.feeds
    if not feeds:  # the graph was not read
        return np.zeros(len(window.layers), np.bool_)
    is_wired = np.array([layer.name in feeds for layer in window.layers])
    is_seen, is_reached = (
        np.isfinite(window.history.recent(metric, RECENT)).any(axis=0)
        for metric in ("has_run", "act_grad_norm")
    )
    found: BoolArray = is_seen & ~is_reached & ~is_wired
    return found
