"""Trainable parameters that no optimizer holds: they get a gradient and never change.

Not reported: frozen parameters, optimizers that take turns, parameters whose optimizer has yet to
make its first step.
"""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.window import Window, holding_since
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.wording import names


def not_in_optimizer(window: Window, active: Finding | None) -> Detection | None:
    """Layers that have a parameter in no optimizer that has stepped."""
    limits = window.limits
    if active is None and window.age < limits.optimizer_steps:
        return None
    held = window.latest("optimized_fraction", limits.certain_frames)
    with np.errstate(invalid="ignore"):
        left_out = (held < 1).all(axis=0) & window.trainable
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
