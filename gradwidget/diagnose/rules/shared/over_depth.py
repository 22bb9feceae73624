"""How the vanishing and exploding rules compare layers over depth."""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.depth_profile import DepthProfile, Floats
from gradwidget.diagnose.evidence.window import Window
from gradwidget.frame import BoolArray
from gradwidget.record.history import LOOK_BACK

DIRECT = ("act_grad_rms", "act_grad_norm")
"""Activation gradients, per element and as a whole. A decay must show in both.

A mean over positions makes each element of an early feature map small but not the whole; with a
narrow layer it is the other way round.
"""


def profile(window: Window, metric: str) -> DepthProfile | None:
    """The profile over depth of a statistic; None where too few layers are known well enough."""
    if metric not in window.profiles:
        window.profiles[metric] = _profile(window, metric)
    return window.profiles[metric]


def _profile(window: Window, metric: str) -> DepthProfile | None:
    level = window.median(metric)
    positive = np.flatnonzero(level > 0)
    if np.sum(~np.isnan(level)) < window.limits.minimum_chain or not positive.size:
        return None
    last = int(positive[-1])
    return DepthProfile(metric, level / level[last], last)


def weight_profile(window: Window) -> DepthProfile | None:
    """The profile of the weight gradients, for a run without activation gradients.

    Only of layers with a weight matrix: biases and gains of norm layers have their own scales.
    """
    found = profile(window, "grad_rms")
    if found is None:
        return None
    ratio = np.where(window.traits.weighty, found.ratio, np.nan)
    known = np.flatnonzero(ratio > 0)
    if known.size < window.limits.minimum_chain:
        return None
    return DepthProfile("grad_rms", ratio / ratio[known[-1]], int(known[-1]))


def past_bound(window: Window, *, falling: bool) -> tuple[DepthProfile, float, BoolArray] | None:
    """The layers at which the gradient has fallen, or grown, past its bound since the last layer.

    Of activation gradients where they are known, per element and as a whole; else of weight
    gradients, with a bound that allows for layers of different size.

    Returns:
        The profile, the bound, and bool [layers] of the trainable layers past it; None where there
        are none.
    """
    limits = window.limits
    # Activation gradients tell it directly; weight gradients are the second choice.
    found = profile(window, DIRECT[0])
    is_direct = found is not None
    if is_direct:
        bound = limits.vanishing_ratio if falling else limits.exploding_ratio
    else:
        found = weight_profile(window)
        bound = limits.vanishing_weight_ratio if falling else limits.exploding_weight_ratio
    if found is None or not (found.ratio < bound if falling else found.ratio > bound).any():
        return None
    # Past the bound by every measure, and so is everything nearer the input.
    past = window.trainable.copy()
    for one in (found, profile(window, DIRECT[1]) if is_direct else None):
        if one is not None:
            past &= one.highest_before < bound if falling else one.lowest_before > bound
    return (found, bound, past) if past.any() else None


def ratios_over_time(window: Window, found: DepthProfile, layer: int) -> tuple[Floats, list[int]]:
    """The layer's ratio to the last layer in each recent frame that measured both.

    Returns:
        float64 [frames] of ratios, newest first, and the steps at which they were measured.
    """
    rows = window.history.recent(found.metric, LOOK_BACK)[::-1].astype(np.float64)
    steps = window.history.recent_steps(LOOK_BACK)[::-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = rows[:, layer] / rows[:, found.last]
    known = np.isfinite(ratio)
    return ratio[known], [int(step) for step in steps[known]]
