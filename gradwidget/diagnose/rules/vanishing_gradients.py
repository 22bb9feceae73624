"""Vanishing gradients: next to nothing of the gradient reaches the first layers, or no longer does.

Over depth the rule reads the activation gradient (dL/d output). Its profile is log-linear in a
plain chain (arXiv 1611.01232) and depends neither on the scale of the loss nor on the batch nor on
how far training has come. Not reported: branches that a shortcut bypasses, zero-initialized heads
while they grow, feature maps averaged over positions, layers of very different size, converged
models, whose profile is as flat as before.
"""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.depth_profile import DepthProfile
from gradwidget.diagnose.evidence.paths import Floats
from gradwidget.diagnose.evidence.window import Window, holding_since, middle
from gradwidget.diagnose.finding import Detection, Finding, Symptom
from gradwidget.diagnose.rules.shared.harm import in_words
from gradwidget.diagnose.rules.shared.over_depth import (
    holds_in_one_turn,
    past_bound,
    ratios_over_time,
)
from gradwidget.wording import names, shown, times_less

BLOCKS = (
    Symptom.DEAD_RELU,
    Symptom.WEIGHTS_ZERO,
    Symptom.ZERO_GRADIENT,
    Symptom.FP16_UNDERFLOW,
)
"""Symptoms of a layer that blocks the gradient, or of numbers that cannot hold it."""

FAR = 30.0
"""Times by which a decay may be past its bound and still be a passing one, where it is known what
begins at zero."""


def vanishing_gradients(window: Window, active: Finding | None) -> Detection | None:
    """Looks for it over depth first, then over the steps of the run."""
    return _over_depth(window, active) or _over_steps(window)


def _over_depth(window: Window, active: Finding | None) -> Detection | None:
    past = past_bound(window, falling=True)
    if past is None:
        return None
    found, bound, low = past
    # The worst first; a layer that blocks everything is named itself, not all layers before it.
    affected = np.flatnonzero(low)
    affected = affected[np.argsort(found.ratio[affected], kind="stable")]
    worst = int(affected[0])
    ratios, steps = ratios_over_time(window, found, worst, falling=True)
    if not ratios.size or not holds_in_one_turn(window, ratios, bound, falling=True):
        return None
    if active is None and not _stays(ratios, steps, bound, window):
        return None
    value = float(found.ratio[worst])
    if value == 0 and any(symptom in window.active for symptom in BLOCKS):
        return None
    layers = tuple(window.layers[i].name for i in affected)
    return Detection(
        severity="critical" if value < bound / 100 else "warning",
        message=_message(window, found, worst, layers),
        layers=layers,
        first_step=holding_since(steps, ratios < bound),
        evidence={"value": value, "bound": bound, "window": float(window.limits.window)},
        caveat="Fine if the layers near the input are meant to stay as they are, or if a side "
        "branch runs first.",
    )


def _stays(ratios: Floats, steps: list[int], bound: float, window: Window) -> bool:
    """Whether the decay is there to stay and not passing; ratios and their steps newest first."""
    limits = window.limits
    if not middle(ratios[: limits.window]) > 0:
        # Exactly zero: a head that starts at zero blocks the gradient until its own first update or
        # two, and a layer whose units are dead should be recognized first.
        present = np.flatnonzero(ratios > 0)
        length = int(present[0]) if present.size else len(ratios)
        return length >= limits.window and steps[0] - steps[length - 1] >= 2 * (
            limits.lasting_steps - 1
        )
    # By its present trend, would the decay be over soon?
    half = min(limits.window, len(ratios)) // 2
    if not half:
        return True
    newer, older = middle(ratios[:half]), middle(ratios[: limits.window][-half:])
    if older <= 0:
        return False
    apart = float(np.mean(steps[:half]) - np.mean(steps[: limits.window][-half:]))
    if window.paths.known and newer < bound / FAR:
        return True
    return bool(newer * max(newer / older, 1.0) ** (limits.recovery_steps / apart) < bound)


def _message(window: Window, found: DepthProfile, worst: int, layers: tuple[str, ...]) -> str:
    first, last = window.layers[worst].name, window.layers[found.ends[worst]].name
    value = float(found.ratio[worst])
    than = "than" if value > 0 else "although there is some at"
    text = f"{first} gets {times_less(value)} gradient {than} {last}"
    near, far, factor = found.steepest(worst, falling=True)
    if value > 0 and factor > value**-0.5:
        lost = f"{window.layers[far].name} and {window.layers[near].name}"
        text += f"; most of it is lost between {lost} ({shown(factor)}×)"
    elif value > 0:
        text += f", {found.each(worst)}"
    return f"{text}: {names(layers)} can hardly learn."


def _over_steps(window: Window) -> Detection | None:
    limits = window.limits
    # Without a loss, a layer that lost its gradient looks like one that has learned its part.
    if (
        not (window.loss_is_high and np.isfinite(window.loss))
        or window.history.version < 2 * limits.window
    ):
        return None
    # How much of its initial gradient each layer has left.
    start = window.start("grad_norm")
    level = window.median("grad_norm")
    with np.errstate(invalid="ignore", divide="ignore"):
        share = level / start
    # Exactly zero has other causes: a layer not used lately, a dead layer, an underflow.
    fallen = (share < limits.vanishing_over_start) & (share > 0) & window.trainable & window.in_play
    known = share[np.isfinite(share) & window.in_play]
    if not fallen.any() or not (
        known.max() > 10 * limits.vanishing_over_start or window.loss_left > 1
    ):
        # All layers together, and a loss below its start: the model has converged.
        return None
    # The worst layer first, and since when it has been past the bound.
    affected = np.flatnonzero(fallen)
    affected = affected[np.argsort(share[affected], kind="stable")]
    layers = tuple(window.layers[i].name for i in affected)
    worst = affected[0]
    value = float(share[worst])
    values, steps = window.series("grad_norm", int(worst))
    return Detection(
        severity="warning",
        message=f"The gradient of {names(layers)} is {shown(1 / value)} times smaller than at "
        f"the start, while the loss {in_words(window, window.loss)}.",
        layers=layers,
        first_step=holding_since(steps, values < limits.vanishing_over_start * start[worst]),
        evidence={
            "value": value,
            "bound": limits.vanishing_over_start,
            "window": float(limits.window),
        },
        caveat="Fine if the loss cannot fall any further, or if the run started with unusually "
        "large gradients.",
    )
