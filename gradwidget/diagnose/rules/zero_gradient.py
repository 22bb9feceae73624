"""Gradients that are exactly 0, all of them or those of a layer, step after step.

Not reported: units of ReLU that are off (``dead_relu`` says so), the first factor of an adapter
while the second one is still 0, a hinge loss that is satisfied, gradients lost in half precision.
"""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.causes.explanations import EXPLAINS
from gradwidget.diagnose.evidence.lost_gradient import lost_since
from gradwidget.diagnose.evidence.stops.flat_operation import flat_operation
from gradwidget.diagnose.evidence.stops.one_place import where_it_ends
from gradwidget.diagnose.evidence.window import Window, holding_since
from gradwidget.diagnose.finding import Detection, Finding, Symptom
from gradwidget.wording import names, shown

BLOCKS = (Symptom.DEAD_RELU, Symptom.FP16_UNDERFLOW)
"""Symptoms that say more about the same."""
WEIGHTS = 0.5
"""Share of a layer's gradient that is 0 where none reaches its weights: the rest is its bias."""


def zero_gradient(window: Window, active: Finding | None) -> Detection | None:
    """Trainable layers whose gradient has been exactly 0 for many steps."""
    limits = window.limits
    if lost_since(window) is not None:
        return None  # it was not 0 before it was cleared
    zero = window.median("grad_zero_fraction")
    rounded = _behind_roundings(window)
    if rounded is not None:
        return rounded
    known = ~np.isnan(zero) & window.trainable
    nothing = known & (zero == 1)
    if not nothing.any():
        return None
    layers = tuple(window.layers[i].name for i in np.flatnonzero(nothing))
    is_constant = window.wiring.obstacles.get("one entry", ("", ""))[1] in layers
    is_all = bool((nothing == known).all())
    first = int(np.flatnonzero(nothing)[0])
    values, steps = window.series("grad_zero_fraction", first)
    since = holding_since(steps, values == 1)
    # All gradients at once are soon beyond chance; a single layer may begin at zero and wait.
    needed = limits.window if is_all or is_constant else 2 * limits.lasting_steps
    if active is None and window.step - since + 1 < needed:
        return None
    if active is None and not is_constant and _is_harmless(window, is_all=is_all):
        return None
    return Detection(
        severity="critical" if is_all else "warning",
        message=_of_one_entry(window, layers)
        if is_constant
        else _message(window, layers, is_all=is_all),
        layers=layers,
        first_step=since,
        evidence={
            "value": 1.0,
            "bound": 1.0,
            "window": float(limits.window),
            "constant": float(is_constant),
        },
        caveat="Fine if the loss is as low as it can be, such as a hinge loss that is satisfied.",
    )


def _behind_roundings(window: Window) -> Detection | None:
    """Layers whose weights get nothing, since each way to them is rounded."""
    if "rounded" not in window.wiring.obstacles:
        return None
    operation, *behind = window.wiring.obstacles["rounded"]
    shares = window.median("grad_zero_fraction")
    stopped = [
        i
        for i, layer in enumerate(window.layers)
        if layer.name in behind and layer.trainable and shares[i] >= WEIGHTS
    ]
    known = ~np.isnan(shares) & window.trainable
    is_all = bool((shares[known] == 1).all())
    if not stopped or (is_all and flat_operation(window) is not None):
        return None  # nothing gets as far as to the rounding
    layers = tuple(window.layers[i].name for i in stopped)
    values, steps = window.series("grad_zero_fraction", stopped[0])
    since = holding_since(steps, values >= WEIGHTS)
    if window.step - since + 1 < window.limits.window:
        return None
    return Detection(
        severity="warning",
        message=f"The gradient of the weights of {names(layers)} is exactly 0: every way to them "
        f"goes through {operation}, whose slope is 0 everywhere.",
        layers=layers,
        first_step=since,
        evidence={
            "value": float(shares[stopped[0]]),
            "bound": WEIGHTS,
            "window": float(window.limits.window),
            "rounded": 1.0,
        },
        caveat="Fine if these weights are not meant to be trained.",
    )


def _is_harmless(window: Window, *, is_all: bool) -> bool:
    """Whether nothing is lost by it, or another symptom says more."""
    if not window.loss_is_high or any(symptom in window.active for symptom in BLOCKS):
        return True
    if window.loss == 0 and (window.early_losses != 0).any():
        return True  # it has got there
    # What else is wrong explains that of a single layer.
    return not is_all and bool(window.active.keys() - EXPLAINS[Symptom.ZERO_GRADIENT])


def _of_one_entry(window: Window, layers: tuple[str, ...]) -> str:
    operation, layer = window.wiring.obstacles["one entry"]
    always = 1 if operation == "softmax" else 0
    return (
        f"The gradient of {names(layers)} is exactly 0: the {operation} after {names([layer])} "
        f"runs over a dimension with a single entry, so it gives {always} whatever it is given."
    )


def _message(window: Window, layers: tuple[str, ...], *, is_all: bool) -> str:
    subject = "Every gradient" if is_all else f"The gradient of {names(layers)}"
    if window.loss == 0:
        return (
            f"{subject} is exactly 0, and so is the loss: something multiplies it by 0, or it "
            "compares a tensor with itself."
        )
    text = f"{subject} is exactly 0 although the loss is {shown(window.loss)}"
    weights = window.median(window.weight)
    is_zero = [
        layer.name for i, layer in enumerate(window.layers) if layer.trainable and weights[i] == 0
    ]
    outputs = window.median("act_grad_zero_fraction")
    outputs = outputs[~np.isnan(outputs)]
    flat = flat_operation(window)
    if flat is not None and is_all and (not outputs.size or outputs[-1] == 1):
        return (
            f"{text}: between the last layer and the loss there is {flat}, which is flat where the "
            "outputs are, so the loss no longer depends on them."
        )
    if is_zero:
        return (
            f"{text}: the weights of {names(is_zero)} are all 0, and a product with 0 passes no "
            "gradient on."
        )
    place = where_it_ends(window, layers)
    if place is not None:
        return (
            f"{text}: what {place.far.name} gets does not depend on what {place.near.name} gives."
        )
    return f"{text}: what follows these layers no longer depends on them."
