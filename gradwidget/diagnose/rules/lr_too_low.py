"""A learning rate so low that hardly anything changes, although the gradient promises progress.

So is a rate that a schedule has brought down before anything was learned, as one that was meant for
every epoch and is asked at every step. Not reported: a schedule that ends at zero after a run of
its own, a warm-up that has just begun, a model that has converged or started out converged (its
gradient promises no improvement).
"""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.clipping import Scaled, clipped_from, clipped_while_scaled
from gradwidget.diagnose.evidence.window import Window, holding_since
from gradwidget.diagnose.finding import Detection, Finding, Symptom
from gradwidget.diagnose.rules.shared.harm import began_trained, has_come_down, in_words
from gradwidget.record.history import RECENT
from gradwidget.wording import shown

SPENT = 0.01
"""Share of its peak at which a learning rate as good as ends a run."""
SPENT_LEFT = 0.5
"""Share of the loss that is left where a rate has ended a run before it has learned enough."""

CLIPPED = 10.0
"""Times the bound below which steps are too small where clipping leaves next to nothing.

That is the 0.001 that is usual: how small such steps come out is chance, and why is known.
"""
CLIPPED_PROMISE = 0.3
"""Part of the promise that is enough there."""

LARGE_EPS = 1e-3
"""An eps past all that is usual, and past what half precision needs."""
OVER_GRADIENTS = 10.0
"""Times the root mean square of the gradient from which eps alone decides how large steps are."""


def lr_too_low(window: Window, active: Finding | None) -> Detection | None:
    """Updates far below the healthy range while the loss is still where it started."""
    limits = window.limits
    is_early = active is None and window.age < limits.plateau_steps
    # What a rate that is too high has shut moves little, too.
    if is_early or Symptom.LR_TOO_HIGH in window.active:
        return None
    spent = _spent_since(window)
    most = _moving_most(window) if _stays_high(window, spent) else None
    if most is None:
        return None
    move = float(window.moves[most])
    # A rate that is as good as 0 needs no other reason.
    is_slow = spent is None and not _is_zero(window)
    norms, eps = (clipped_from(window), _large_eps(window)) if is_slow else (None, None)
    bound = limits.update_low if norms is None else CLIPPED * limits.update_low
    is_low = move < bound
    scaled = clipped_while_scaled(window) if is_low else None
    # Nobody means to cut down a gradient by so much: it has to promise less.
    least = 1.0 if norms is None else CLIPPED_PROMISE
    # The order of two lines is wrong whatever the gradient promises.
    if not is_low or (scaled is None and not _promising(window, is_clipped=move > 0, least=least)):
        return None
    changes, steps = window.series("matrix_change", most)
    since = holding_since(steps, changes < bound * window.move_scale[most])
    message = (
        f"A step changes the weights by at most {shown(move)} of their "
        f"size (0.001 is usual), and the loss {in_words(window, window.level)}: the learning rate "
        f"is too low{_why(window, spent, scaled, norms, eps)}."
    )
    evidence = {
        "value": move,
        "bound": bound,
        "window": float(limits.window),
        "loss": window.level,
    }
    if norms is not None:
        evidence["clipped"] = norms[1] / norms[0]
    if spent is not None:
        evidence["spent"] = float(spent)
    if eps is not None:
        evidence["eps"] = eps
    return Detection(
        severity="warning",
        message=message,
        layers=(),
        first_step=since,
        evidence=evidence,
        caveat="Fine if the model is already trained and is only being fine-tuned.",
    )


def _stays_high(window: Window, spent: int | None) -> bool:
    """Whether the loss stays so high that larger steps could still lower it."""
    lowest = window.limits.plateau_share if spent is None else SPENT_LEFT
    is_high = lowest < window.level_left < window.limits.plateau_above
    if not is_high or (spent is None and (window.has_learned or has_come_down(window))):
        return False
    # Where a model is as good as it gets, its noise alone makes a gradient that promises much.
    return _is_zero(window) or not (
        began_trained(window) or (spent is None and not _steady(window))
    )


def _moving_most(window: Window) -> int | None:
    """The layer whose weights move most for their size; None where that is known of none."""
    # A layer that has had no gradient in most steps, as one of several adapters, could not move.
    could_move = window.trainable & ~(window.median("grad_is_none") > 0)
    moves = np.where(window.traits.matrices & could_move, window.moves, np.nan)
    known = np.flatnonzero(~np.isnan(moves))
    return int(known[np.argmax(moves[known])]) if known.size else None


def _why(
    window: Window,
    spent: int | None,
    scaled: Scaled | None,
    norms: tuple[float, float] | None,
    eps: float | None,
) -> str:
    """What makes it too low, as the end of a sentence; empty where that is the rate itself."""
    if spent is not None:
        return f", since its schedule has used it up by step {spent:,}"
    if _is_zero(window):
        return ", since it is 0"
    if scaled is not None:
        return (
            f" for gradients that are clipped while a gradient scaler has them {scaled.scale:,.0f} "
            f"times as large, from a norm of {shown(scaled.before)} to {shown(scaled.after)}"
        )
    if norms is not None:
        return (
            f" for gradients that are clipped from a norm of {shown(norms[0])} to {shown(norms[1])}"
        )
    if eps is not None:
        return f" for an eps of {shown(eps)}, which is larger than the gradients"
    return ""


def _large_eps(window: Window) -> float | None:
    """The eps of an adaptive optimizer, where it makes the steps small; None where it does not."""
    eps = window.frame.scalars.get("eps", 0.0)
    sizes = window.median("grad_rms")[window.trainable]
    largest = float(np.fmax.reduce(sizes, initial=0.0))
    return eps if eps >= max(LARGE_EPS, OVER_GRADIENTS * largest) else None


def _steady(window: Window) -> bool:
    """Whether the learning rate is neither still rising nor well below its peak."""
    rates = window.history.recent_scalar("lr", RECENT)
    rates = rates[np.isfinite(rates)]
    return not rates.size or bool(
        rates[-1] > 0 and rates[-1] >= 0.5 * rates.max() and rates[-1] <= 1.05 * rates[0]
    )


def _is_zero(window: Window) -> bool:
    """Whether the learning rate has been 0 for so many steps that no warm-up begins that way."""
    near = int(np.sum(window.history.recent_steps(RECENT) > window.step - window.age // 2))
    rates = window.history.recent_scalar("lr", max(near, 1))
    return bool((rates == 0).all())


def _spent_since(window: Window) -> int | None:
    """The step by which a schedule had used up the learning rate, more than half of the run ago.

    None where it has not. A schedule that is made for the run comes down near its end.
    """
    steps, rates = window.history.series("lr")
    known = np.isfinite(rates)
    rates, steps = rates[known], steps[known]
    high = np.flatnonzero(rates > SPENT * rates.max(initial=0.0))
    if not high.size or high[-1] + 1 >= len(rates):
        return None
    since = int(steps[high[-1] + 1])
    return since if window.step - since > since - steps[0] else None


def _promising(window: Window, *, is_clipped: bool, least: float) -> bool:
    """Whether the gradient promises enough to first order.

    That is: moving the weights along it by a tenth of their size lowers the loss by a tenth.

    Args:
        window: the newest frames.
        is_clipped: whether what is left of the gradient can be much less than what there was. Where
            nothing moves at all it may have been cleared, which no rate makes up for.
        least: part of that promise that is enough.
    """
    norms = window.median("grad_norm")
    if is_clipped:
        norms = np.fmax(window.median("raw_grad_norm"), norms)
    known = ~np.isnan(norms) & window.trainable
    with np.errstate(invalid="ignore"):
        gain = float(
            np.sqrt(np.nansum(norms[known] ** 2))
            * np.sqrt(np.nansum(window.weight_scale[known] ** 2))
        )
    return gain > least * abs(window.loss)
