"""How the vanishing and exploding rules compare layers over depth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradwidget.diagnose.evidence.depth_profile import DepthProfile, profile_of
from gradwidget.diagnose.evidence.paths import Floats
from gradwidget.diagnose.evidence.window import Window, middle
from gradwidget.frame import BoolArray
from gradwidget.record.history import LOOK_BACK

DIRECT = ("act_grad_rms", "act_grad_norm")
"""Activation gradients, per element and as a whole. A decay must show in both.

A mean over positions makes each element of an early feature map small but not the whole; with a
narrow layer it is the other way round.
"""


def profile(window: Window, metric: str, *, final: bool) -> DepthProfile | None:
    """The profile over depth of a statistic; None where too few layers are known well enough."""
    final &= window.paths.has_inner_ends  # else both are one
    key = (metric, final)
    if key not in window.profiles:
        window.profiles[key] = _profile(window, metric, final=final)
    return window.profiles[key]


def _profile(window: Window, metric: str, *, final: bool) -> DepthProfile | None:
    level = window.median(metric)
    if np.sum(~np.isnan(level)) < window.limits.minimum_chain or not (level > 0).any():
        return None
    return profile_of(metric, level, window.paths, final=final)


def weight_profile(window: Window) -> DepthProfile | None:
    """The profile of the weight gradients, for a run without activation gradients.

    Only of layers with a weight matrix: biases and gains of norm layers have their own scales.
    """
    level = np.where(window.traits.weighty, window.median("grad_rms"), np.nan)
    if np.sum(level > 0) < window.limits.minimum_chain:
        return None
    return profile_of("grad_rms", level, window.paths)


def past_bound(window: Window, *, falling: bool) -> tuple[DepthProfile, float, BoolArray] | None:
    """The layers at which the gradient has fallen, or grown, past its bound since the last layer.

    Of activation gradients where they are known, per element and as a whole; else of weight
    gradients, with a bound that allows for layers of different size.

    Returns:
        The profile, the bound, and bool [layers] of the trainable layers past it; None where there
        are none.
    """
    limits = window.limits
    if not falling and (proof := _beyond_doubt(window)) is not None:
        return proof
    # Activation gradients tell it directly; weight gradients are the second choice.
    # An explosion may begin behind a layer that has a loss of its own as well.
    final = not falling
    found = profile(window, DIRECT[0], final=final)
    is_direct = found is not None
    if is_direct:
        bound = limits.vanishing_ratio if falling else limits.exploding_ratio
    else:
        found = weight_profile(window)
        bound = limits.vanishing_weight_ratio if falling else limits.exploding_weight_ratio
    if found is None or not (found.ratio < bound if falling else found.ratio > bound).any():
        return None
    # Past the bound by every measure, and so is everything nearer the input.
    past = window.trainable & ~young(window) if falling else window.trainable.copy()
    for one in (found, profile(window, DIRECT[1], final=final) if is_direct else None):
        if one is not None:
            past &= one.highest_before < bound if falling else one.lowest_before > bound
    if falling:
        past &= ~_beside_a_trunk(window, past, found.ratio, bound)
    if past.any():
        return found, bound, past
    return _along_branches(window) if falling and is_direct else None


BRANCH = 4
"""Weight matrices in a row from which a branch is judged by itself.

The branches of residual blocks have two or three, and small ones at the start.
"""


def _along_branches(window: Window) -> tuple[DepthProfile, float, BoolArray] | None:
    """Layers of long branches at which the gradient has fallen since the end of their branch.

    What a way around gets says nothing about them.
    """
    chains = [
        chain
        for chain in (window.paths.chains if window.paths.known else [])
        if window.traits.matrices[chain].sum() >= BRANCH
    ]
    if not chains:
        return None
    bound = window.limits.vanishing_ratio
    past = window.trainable & ~young(window)
    ends = np.full(len(window.layers), -1)
    profiles = []
    for metric in DIRECT:
        level = window.median(metric)
        ratio = np.full(len(window.layers), np.nan)
        highest = ratio.copy()
        for chain in chains:
            known = [number for number in chain if level[number] >= 0]
            if len(known) > 1 and level[known[-1]] > 0:
                ends[known] = known[-1]
                ratio[known] = level[known] / level[known[-1]]
                highest[known] = np.maximum.accumulate(ratio[known])
        past &= highest < bound
        profiles.append(DepthProfile(metric, ratio, ends, window.paths))
    return (profiles[0], bound, past) if past.any() else None


def _beside_a_trunk(window: Window, low: BoolArray, ratio: Floats, bound: float) -> BoolArray:
    """Of layers that get little: those of a short branch beside another that gets its share.

    Of a trunk that is frozen up to there no gradient is known. What leaves it first, as an adapter
    of an attention's queries, then looks like the layer nearest the input; but the gradient goes
    back to the trunk by every branch, and less by one of them is no loss.

    Args:
        window: the newest frames.
        low: the layers that get little.
        ratio: of every layer over the last one.
        bound: what is little.

    Returns:
        Bool [layers]. None where the graph is not known, or where data enters the layers directly.
    """
    found = np.zeros(len(low), np.bool_)
    paths, feeds = window.paths, window.wiring.feeds
    frozen = [
        number
        for number, layer in enumerate(window.layers)
        if not layer.trainable and layer.name not in feeds and window.traits.matrices[number]
    ]
    if not paths.known or not frozen or not low.any():
        return found
    # Layers are in the order in which they run.
    starts = ~paths.fed & (np.arange(len(low)) > frozen[0])
    with np.errstate(invalid="ignore"):
        others = np.flatnonzero(starts & (ratio >= bound))
    for number in np.flatnonzero(low):
        before, behind = paths.before[number].copy(), paths.before[:, number]
        before[number] = True
        if not (before & starts).any():
            continue
        found[number] = any(
            (behind & paths.before[:, other]).any()
            and window.traits.matrices[(before | behind) & ~paths.before[:, other]].sum() < BRANCH
            for other in others
        )
    return found


MARGINS = {2: 1.5, 3: 1.0, 4: 0.5}
"""Powers of ten by which an explosion must be past its bound in every one of so few frames."""

MARGIN_OF_LOST = 0.5
"""The same where the run is lost and will show no more; a single frame counts only then."""


def _beyond_doubt(window: Window) -> tuple[DepthProfile, float, BoolArray] | None:
    """What a run shows that explodes before a window is full: its first frames alone prove it."""
    if window.enough == 1 or not all(metric in window.history for metric in DIRECT):
        return None
    first = window.latest(DIRECT[0], window.enough)
    frames = int(np.isfinite(first).any(axis=1).sum())
    if not 0 < frames < window.enough or (frames == 1 and not window.is_lost):
        return None
    rows = (first, window.latest(DIRECT[1], window.enough))
    found = None
    past = window.trainable.copy()
    margin = MARGIN_OF_LOST if window.is_lost else MARGINS[min(frames, max(MARGINS))]
    bound = window.limits.exploding_ratio * 10**margin
    for metric, levels in zip(DIRECT, rows, strict=True):
        each = [
            profile_of(metric, level, window.paths, final=True)
            for level in levels[:frames]
            if (level > 0).any()
        ]
        if len(each) < frames:
            return None
        # The frame that shows least of it counts.
        least = replace(each[0], ratio=np.fmin.reduce([one.ratio for one in each]))
        past &= least.lowest_before > bound
        found = found or least
    return (found, window.limits.exploding_ratio, past) if found and past.any() else None


def young(window: Window) -> BoolArray:
    """Bool [layers]: those whose output flows into nothing but layers that began at zero and grow.

    The gradient of a low-rank adapter's first factor, or inside a residual branch whose last layer
    starts at zero, is the smaller the nearer those weights still are to zero.
    """
    norm, first = window.median(window.weight), window.first_weight_norm
    began_at_zero = first <= window.limits.zero * window.traits.natural_norm
    grows = began_at_zero & (norm > first) & window.traits.weighty
    found = np.zeros(len(window.layers), np.bool_)
    if not window.paths.known or not grows.any():
        return found
    for _ in window.layers:  # as many rounds as a branch is deep
        more = np.array(
            [
                bool(behind) and all(grows[one] or found[one] for one in behind)
                for behind in window.paths.next
            ]
        )
        if (more == found).all():
            break
        found = more
    return found


def ratios_over_time(
    window: Window, found: DepthProfile, layer: int, *, falling: bool
) -> tuple[Floats, list[int]]:
    """The layer's ratio to the last layer in each recent frame that measured both.

    Of activation gradients the ratio per element or of the whole, whichever shows less of a fall,
    or of a growth: one alone may be past its bound from the start because of the layers' sizes.

    Returns:
        float64 [frames] of ratios, newest first, and the steps at which they were measured.
    """
    metrics = DIRECT if found.metric in DIRECT else (found.metric,)
    milder = np.fmax if falling else np.fmin
    steps = window.history.recent_steps(LOOK_BACK)[::-1]
    ratio = np.full(len(steps), np.nan)
    for metric in metrics:
        if metric in window.history:
            rows = window.history.recent(metric, LOOK_BACK)[::-1].astype(np.float64)
            with np.errstate(invalid="ignore", divide="ignore"):
                ratio = milder(ratio, rows[:, layer] / rows[:, found.ends[layer]])
    known = np.isfinite(ratio)
    return ratio[known], [int(step) for step in steps[known]]


def holds_in_one_turn(window: Window, ratios: Floats, bound: float, *, falling: bool) -> bool:
    """Whether a ratio over depth is past its bound within the frames that measured both layers.

    Of networks that are trained in turns, a median of each layer by itself compares frames that may
    be far apart, between which the gradient of both has changed.

    Args:
        window: the newest frames.
        ratios: as ``ratios_over_time`` gives them.
        bound: what they are held against.
        falling: whether a decay is looked for, or a growth.
    """
    if not window.has_opponent:
        return True
    level = middle(ratios[: window.limits.window])
    return level < bound if falling else level > bound
