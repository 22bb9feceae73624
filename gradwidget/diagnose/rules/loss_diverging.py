"""A loss that rises for good, far above where it has been.

A spike comes back down; this does not: every part of the newest steps is above the part before.
Not reported: losses that move around 0, where a few times the start is nothing (the gradient must
have grown with it), two players of whom one loses, a single spike, a critic whose returns rise as
its policy gets better.
"""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.causes.explanations import EXACT
from gradwidget.diagnose.evidence.regression_error import is_behind
from gradwidget.diagnose.evidence.window import Window, middle
from gradwidget.diagnose.finding import Detection, Finding, Symptom
from gradwidget.diagnose.rules.shared.large_outputs import outputs_are_large
from gradwidget.record.history import RECENT
from gradwidget.wording import shown

SEVERE = 100.0
"""Times the bound from which a rise is critical, and not that of a task that grows."""

STEPS_GO_TOO_FAR = frozenset({Symptom.LR_TOO_HIGH, Symptom.EXPLODING_GRADIENTS})
"""What says by itself that a loss rises because of the updates."""


def loss_diverging(window: Window, active: Finding | None) -> Detection | None:
    """A rise over many steps to many times the highest level of the run's beginning."""
    limits = window.limits
    losses = window.history.recent_scalar("loss", RECENT)
    steps = window.history.recent_steps(RECENT)
    known = np.isfinite(losses)
    losses, steps = losses[known], steps[known]
    if len(losses) < 3 * limits.window:
        return None
    parts = [middle(part) for part in losses[-3 * limits.window :].reshape(3, -1)]
    start = window.history.start_scalar("loss")[: limits.window]
    level = max(abs(middle(start)), abs(float(np.min(losses))), 1e-12)
    ratio = (parts[2] - middle(start)) / level
    rising = parts[0] < parts[1] < parts[2] and bool(np.min(losses[-limits.window :]) > parts[0])
    if active is None and not (
        rising
        and _gradient_grew(window)
        and outputs_are_large(window)
        and EXACT.isdisjoint(window.active)
    ):
        return None
    is_severe = ratio > SEVERE * limits.diverging
    if not ratio > limits.diverging or (not is_severe and _task_grows(window)):
        return None
    above = losses > level + middle(start)
    since = np.flatnonzero(~above)
    return Detection(
        severity="critical" if is_severe else "warning",
        message=f"The loss has risen to {shown(parts[2])}, from {shown(middle(start))} at the "
        "start, and keeps rising: training diverges.",
        layers=(),
        first_step=int(steps[min(int(since[-1]) + 1 if since.size else 0, len(steps) - 1)]),
        evidence={"value": ratio, "bound": limits.diverging, "window": float(3 * limits.window)},
        caveat="Fine if the loss is one that is meant to rise.",
    )


def _gradient_grew(window: Window) -> bool:
    """Whether the total gradient is well above where it started; True where it is not known."""
    norm = middle(window.history.recent_scalar("total_grad_norm", window.limits.window))
    start = middle(window.history.start_scalar("total_grad_norm")[: window.limits.window])
    return not norm <= 2 * start


def _task_grows(window: Window) -> bool:
    """Whether what is asked of the outputs explains the rise, and nothing speaks for the updates.

    A critic that bootstraps drives its own targets up: without an end, and that is severe soon.
    """
    return STEPS_GO_TOO_FAR.isdisjoint(window.active) and is_behind(window)
