"""Exploding gradients: they grow by orders of magnitude over the layers, or over the steps.

Over depth the rule reads the activation gradient: weight gradients do not show an explosion in a
ReLU chain, where growing deltas and shrinking activations cancel. Over steps it compares with the
highest value of the run's own past. Not reported: summed losses and loss scales, noisy small
batches of a converged model, the end of a plateau (the gradient grows while the loss falls), an
embedding with small entries before a norm layer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gradwidget.diagnose.evidence.depth_profile import DepthProfile
from gradwidget.diagnose.evidence.new_data import LEAP
from gradwidget.diagnose.evidence.paths import Floats
from gradwidget.diagnose.evidence.window import Window, holding_since, middle
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.over_depth import (
    holds_in_one_turn,
    past_bound,
    ratios_over_time,
)
from gradwidget.diagnose.thresholds import Thresholds
from gradwidget.frame import BoolArray
from gradwidget.wording import names, shown

STARVED, USUAL = 1e-4, 1e2
"""What a gradient promises, as a share of the loss: none worth speaking of, and a usual one."""

ALIKE = 10.0
"""Factor within which gradient and loss have grown alike."""

UNSEEN = 20
"""Steps from the past that a spike is compared with, beyond which it may have risen slowly."""

HUNGRY = 1e-2
"""The same of a gradient that has not moved the weights so far either."""

OVERFLOWS = 1e6
"""Factor by which activations grow on their way through a network whose gradient has no values."""


def exploding_gradients(window: Window, active: Finding | None) -> Detection | None:
    """Looks for it over the steps of the run first, where it is acute, then over depth."""
    return _over_steps(window, active) or _over_depth(window) or _forward(window)


def _over_depth(window: Window) -> Detection | None:
    past = past_bound(window, falling=False)
    if past is None:
        return None
    found, bound, high = past
    # The worst layer first, and since when it has been past the bound.
    affected = np.flatnonzero(high)
    affected = affected[np.argsort(-found.ratio[affected], kind="stable")]
    layers = tuple(window.layers[i].name for i in affected)
    ratios, steps = ratios_over_time(window, found, int(affected[0]), falling=False)
    if not ratios.size or not holds_in_one_turn(window, ratios, bound, falling=False):
        return None
    value = float(found.ratio[affected[0]])
    return Detection(
        severity="critical" if value > 100 * bound else "warning",
        message=_message(window, found, layers, value),
        layers=layers,
        first_step=holding_since(steps, ratios > bound),
        evidence={"value": value, "bound": bound, "window": float(window.limits.window)},
        caveat="Fine if a norm layer or clipping removes the scale again before the update.",
    )


def _message(window: Window, found: DepthProfile, layers: tuple[str, ...], value: float) -> str:
    worst = next(i for i, layer in enumerate(window.layers) if layer.name == layers[0])
    last = window.layers[found.ends[worst]].name
    text = f"The gradient grows {shown(value)}× on its way from {last} back to {layers[0]}"
    near, far, factor = found.steepest(worst, falling=False)
    if factor > value**0.5:
        where = f"{window.layers[far].name} and {window.layers[near].name}"
        text += f", most of it between {where} ({shown(factor)}×)"
    else:
        text += f", {found.each(worst)}"
    return f"{text}: updates of {names(layers)} are out of proportion."


def _forward(window: Window) -> Detection | None:
    """Activations that grew by orders of magnitude in the first step of a run that is lost.

    Layers that make everything larger on the way forward do so on the way back: the gradient of a
    layer holds both factors, and overflows before a profile of it can be read.
    """
    if not window.is_lost or "act_rms" not in window.history:
        return None
    sizes = window.history.start("act_rms")[0].astype(np.float64)
    sizes = np.where(np.isfinite(sizes) & (sizes > 0), sizes, np.nan)
    if np.sum(~np.isnan(sizes)) < window.limits.minimum_chain:
        return None
    lowest = window.paths.lowest_before(sizes)
    with np.errstate(invalid="ignore"):
        grown = np.where(np.isnan(sizes), 0.0, sizes / lowest)
    top = int(np.argmax(grown))
    if not grown[top] > OVERFLOWS:
        return None
    way = window.paths.between(int(np.flatnonzero(sizes == lowest[top])[0]), top)
    layers = tuple(window.layers[i].name for i in np.flatnonzero(way & window.trainable))
    value = float(grown[top])
    return Detection(
        severity="critical",
        message=f"Activations grow {shown(value)}× on their way to {window.layers[top].name}, and "
        f"so does the gradient on its way back: that of {names(layers)} is beyond what numbers can "
        "hold.",
        layers=layers,
        first_step=window.history.first_step or 0,
        evidence={"value": value, "bound": OVERFLOWS, "window": 1.0},
        caveat="Fine if the scale of a layer's output is meant to be that different.",
    )


def _over_steps(window: Window, active: Finding | None) -> Detection | None:
    limits, history = window.limits, window.history
    # Before clipping where that is known: clipping hides the very explosion that it is meant for.
    metric = "raw_grad_norm" if "raw_grad_norm" in window.frame.metrics else "grad_norm"
    rows = history.recent(metric, limits.spike_past + limits.spike_rise)
    now = rows[-1]
    if not np.isfinite(now).any():
        return None
    if active is None and not _may_be_spike(rows, limits):
        return None
    # The highest gradient of each layer before the newest few frames.
    past = rows[: max(len(rows) - limits.spike_rise, (len(rows) + 1) // 2)]
    past_high = np.fmax.reduce(np.where(np.isfinite(past), past, np.nan), axis=0).astype(np.float64)
    if active is not None and "baseline" in active.evidence:
        return _still_there(window, active, now)
    # The total gradient against the total of those highest ones, and the loss as a witness.
    known = np.isfinite(now) & (past_high > 0)
    # Of networks that take turns, only the steps in which this one was trained are its past.
    measured = int(np.sum(np.isfinite(past[:, known]).any(axis=1)))
    if measured < limits.spike_minimum_past:
        return None
    total, baseline = _norm(now[known]), _norm(past_high[known])
    if (
        total <= limits.exploding_spike * baseline
        or not _loss_agrees(window, measured)
        or _was_starved(window, now[known], past_high[known], known)
        or _is_another_loss(rows, limits)
        or _is_rescaled(window, rows, total / baseline)
    ):
        return None
    layers = _grown_most(window, np.where(known, now / past_high, 0.0))
    ratio = total / baseline
    return Detection(
        severity="critical" if ratio > 100 * limits.exploding_spike else "warning",
        message=f"At step {window.step:,}, the gradient is {shown(ratio)}× the largest of the "
        f"{measured} measured steps before it; it grew most in {names(layers)}.",
        layers=layers,
        first_step=_rise(window, rows, known, baseline),
        evidence={
            "value": ratio,
            "bound": limits.exploding_spike,
            "window": float(measured),
            "baseline": baseline,
            "norm": total,
        },
        caveat="A single unusual batch can do this; if the loss stays where it was, clipping is "
        "enough.",
    )


def _grown_most(window: Window, growth: Floats) -> tuple[str, ...]:
    """The layers whose gradient grew by a tenth of the largest factor or more, most first."""
    affected = np.flatnonzero(growth > max(1.0, float(growth.max()) / 10))
    affected = affected[np.argsort(-growth[affected], kind="stable")]
    return tuple(window.layers[i].name for i in affected)


def _may_be_spike(rows: NDArray[np.float32], limits: Thresholds) -> bool:
    """Whether there may be a spike: compares with a few past frames, far cheaper than with all."""
    near = rows[-3 * limits.spike_rise : -limits.spike_rise]
    if len(near) < 2 * limits.spike_rise:
        return True
    now = rows[-1]
    high = np.fmax.reduce(near, axis=0)
    known = np.isfinite(now) & np.isfinite(high)
    return bool(_norm(now[known]) > limits.exploding_spike * _norm(high[known])) or not known.all()


def _still_there(window: Window, active: Finding, now: NDArray[np.float32]) -> Detection | None:
    """The open explosion, until the gradient is back near the level from before it."""
    baseline = active.evidence["baseline"]
    total = _norm(now[np.isfinite(now)])
    if total <= window.limits.exploding_spike / 3 * baseline:
        return None
    ratio = total / baseline
    return Detection(
        severity=active.severity,
        message=active.message,
        layers=active.layers,
        first_step=active.first_step,
        evidence={**active.evidence, "norm": total, "value": max(ratio, active.evidence["value"])},
        caveat=active.caveat,
    )


def _was_starved(
    window: Window, now: NDArray[np.float32], past_high: Floats, known: BoolArray
) -> bool:
    """Whether there was next to no gradient before and there is a usual one now: a recovery.

    Judged by how far steps move the weights, and by what the gradient promises to first order: how
    far the loss would move if the weights moved along it by their own size. A recovery may take
    longer than the few frames in which a spike rises.
    """
    limits = window.limits
    rows = window.history.recent("update_ratio", limits.spike_past + limits.spike_rise)
    moves = np.fmax.reduce(rows, axis=1)
    measured = moves[np.isfinite(moves)]
    usual_now = measured.size > 1 and measured[-1] < limits.update_high
    if usual_now and _lay_still(measured[-limits.window : -1], limits):
        return True
    before_rise = moves[: -limits.spike_rise]
    still = usual_now and _lay_still(before_rise[np.isfinite(before_rise)], limits)
    scale = np.nan_to_num(window.weight_scale[known])
    before, after = float(np.sum(past_high * scale)), float(np.sum(now * scale))
    # Where the weight of the loss has risen, the losses of the window say nothing about the newest.
    share, loss = (HUNGRY, _newest(window)) if still else (STARVED, window.loss)
    return before < share * abs(loss) and after < USUAL * abs(loss)


def _is_another_loss(rows: NDArray[np.float32], limits: Thresholds) -> bool:
    """Whether one loss has given way to another, as where a decoder gives way to a classifier.

    Layers that always had a gradient have none any more, and others have their first: what there
    was before is a gradient of something else.
    """
    seen = np.isfinite(rows)
    now, past = seen[-1], seen[: -limits.spike_rise]
    always = past[-limits.spike_rise :].all(axis=0) & (len(past) > 0)
    return bool((now & ~past.any(axis=0)).any() and (always & ~now).any())


def _is_rescaled(window: Window, rows: NDArray[np.float32], ratio: float) -> bool:
    """Whether the loss has been given another weight since, as one that is annealed.

    The loss was then next to nothing from the first step on, for outputs of that size; the gradient
    has grown as the loss has, over more steps than a spike takes or a little in each, and the
    weights are about what they were.
    """
    limits, history = window.limits, window.history
    outputs = window.start("act_rms")[window.paths.last]
    size = float(np.nanmax(outputs, initial=0.0)) or 1.0
    if not abs(middle(window.first_losses[:5])) < STARVED * size**2:
        return False
    steps = history.recent_steps(len(rows))
    seen = np.flatnonzero(np.isfinite(rows[: -limits.spike_rise]).any(axis=1))
    # A step may be sampled when its gradients have gone by: its loss is compared with none.
    losses = np.abs(history.recent_scalar("loss", len(rows)))[seen]
    losses = losses[np.isfinite(losses)]
    if not (seen.size and losses.size):
        return False
    since = int(steps[seen[-1]])
    if steps[-1] - since <= UNSEEN and not _rises_gently(window, since):
        return False
    norms = history.recent(window.weight, limits.window)
    with np.errstate(invalid="ignore", divide="ignore"):
        grown = np.nanmax(norms[-1] / np.fmin.reduce(norms, axis=0), initial=1.0)
        rise = abs(_newest(window)) / losses.max()
    # What is learned meanwhile takes more of the gradient than of the loss.
    return bool(1 / ALIKE < rise / ratio < ALIKE**2 and grown < limits.growth / 2)


def _rises_gently(window: Window, since: int) -> bool:
    """Whether the loss of every step since then is known, and none of them has made it leap.

    A batch that is out of line makes it leap in one step; the weight of a loss rises a little in
    each.
    """
    steps, losses = window.history.losses.recent(UNSEEN + 1)
    losses = np.abs(losses[steps >= since])
    with np.errstate(divide="ignore", invalid="ignore"):
        rises = losses[1:] / losses[:-1]
    return len(rises) == window.step - since and bool((rises < LEAP).all())


def _newest(window: Window) -> float:
    losses = window.losses(window.limits.spike_rise)
    losses = losses[np.isfinite(losses)]
    return float(losses[-1]) if losses.size else 0.0


def _lay_still(moves: NDArray[np.float32], limits: Thresholds) -> bool:
    """Whether none of these steps, of which there are some, moved the weights."""
    return bool(moves.size and moves.max() < limits.update_low)


def _loss_agrees(window: Window, past: int) -> bool:
    """Whether the loss supports an explosion, or at least does not rule one out."""
    rise = window.limits.spike_rise
    loss = window.losses(rise + 20)
    now, before = loss[-rise:], loss[:-rise]
    now, before = now[~np.isnan(now)], before[~np.isnan(before)]
    if not now.size or not before.size:
        return True
    if past < window.limits.window:
        # In the first steps of a run any change looks large, so the loss must have risen too.
        return bool(now[-1] > 2 * before.max())
    # A loss that falls below all of its past, and faster than before, while the gradient grows: the
    # run is leaving a plateau.
    usual = (before[0] - before[-1]) * len(now) / len(before)
    return not (now.max() < before.min() and before[-1] - now[-1] > 2 * usual)


def _rise(
    window: Window,
    rows: NDArray[np.float32],
    known: np.ndarray[tuple[int], np.dtype[np.bool_]],
    baseline: float,
) -> int:
    """The first of the newest steps at which the gradient was beyond all of its past."""
    newest = rows[-window.limits.spike_rise :]
    steps = window.history.recent_steps(len(newest))
    beyond = [_norm(row[known]) > window.limits.exploding_spike * baseline for row in newest]
    return int(steps[beyond.index(True)])


def _norm(values: NDArray[np.floating]) -> float:
    finite = values[np.isfinite(values)].astype(np.float64)
    return float(np.sqrt(np.sum(finite**2)))
