"""Trainable parameters that get no gradient at all: detached, unused, wrongly frozen, or in no
optimizer.

Look-alikes that stay silent: layers that are frozen (they are not trainable), heads and branches
used now and then, the zero gradient of a factor whose partner starts at zero (LoRA).
"""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.window import PAST, Window
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.thresholds import Thresholds
from gradwidget.wording import names


def no_gradient(window: Window, active: Finding | None) -> Detection | None:
    """Layers without a gradient for many steps, and for far longer than ever before."""
    del active  # what is absent for so long is absent
    absent = window.median("grad_is_none") > 0
    candidates = np.flatnonzero(absent & window.trainable)
    since = {int(i): step for i in candidates if (step := _since(window, int(i))) is not None}
    if not since:
        return _in_no_optimizer(window)
    layers = tuple(window.layers[i].name for i in sorted(since, key=lambda i: (since[i], i)))
    first = min(since.values())
    reasons = {window.frame.reasons[name] for name in layers if name in window.frame.reasons}
    tail = f" ({reasons.pop()})" if len(reasons) == 1 else ""
    return Detection(
        severity="warning",
        message=f"{names(layers)} can be trained but get no gradient at all: nothing that reaches the loss depends on "
        f"them{tail}.",
        layers=layers,
        first_step=first,
        evidence={
            "value": float(window.step - first),
            "bound": float(window.limits.no_gradient_steps),
            "window": float(window.step - first),
        },
        caveat="Fine if they belong to a part of the model that this stage of training does not use.",
    )


def _in_no_optimizer(window: Window) -> Detection | None:
    """Layers that a gradient flows through, and none of whose parameters any optimizer has read for
    a long time.
    """
    limits = window.limits
    if window.age + 1 < limits.no_gradient_steps:
        return None
    rows = window.history.recent("grad_norm", limits.no_gradient_steps)
    steps = window.history.recent_steps(limits.no_gradient_steps)
    if (
        len(rows) < limits.no_gradient_frames
        or window.step - steps[0] + 1 < limits.no_gradient_steps
    ):
        return None
    passed_over = np.isnan(rows).all(axis=0) & window.trainable
    # Often enough a gradient came through just when parameters were read before a step, and theirs
    # were not among them.
    came = window.history.recent("act_grad_rms", limits.no_gradient_steps) > 0
    read = ~np.isnan(rows).all(axis=1, keepdims=True)
    passed_over &= (came & read).sum(axis=0) >= limits.no_gradient_frames
    if not passed_over.any() or passed_over.all():
        return None
    layers = tuple(window.layers[i].name for i in np.flatnonzero(passed_over))
    return Detection(
        severity="warning",
        message=f"{names(layers)} can be trained, and the gradient reaches them, but no optimizer steps their "
        "parameters: they stay as they are.",
        layers=layers,
        first_step=int(steps[0]),
        evidence={
            "value": float(window.step - steps[0] + 1),
            "bound": float(limits.no_gradient_steps),
            "window": float(len(rows)),
        },
        caveat="Fine if another optimizer takes its turn later.",
    )


def _since(window: Window, layer: int) -> int | None:
    """The step since which the layer has had no gradient; None where that is not long enough to
    tell.
    """
    rows = window.history.recent("grad_is_none", PAST)[::-1, layer]
    steps = window.history.recent_steps(PAST)[::-1]
    known = ~np.isnan(rows)
    absent, seen_at = rows[known] > 0, steps[known]
    present = np.flatnonzero(~absent)
    length = int(present[0]) if present.size else len(absent)
    limits = window.limits
    if length < limits.no_gradient_frames or not _unlikely(
        len(present), len(absent) - length, length, limits
    ):
        return None
    since = int(seen_at[length - 1])
    # The longest time that it was seen to go without one before, and yet had one again.
    gaps = np.flatnonzero(np.diff(present) > 1)
    before = int(np.max(seen_at[present[gaps] + 1] - seen_at[present[gaps + 1] - 1] + 1, initial=0))
    steady = len(present) >= limits.no_gradient_frames
    needed = max(3 * before, limits.no_gradient_after if steady else limits.no_gradient_steps)
    return since if window.step - since + 1 >= needed else None


def _unlikely(present: int, before: int, absent: int, limits: Thresholds) -> bool:
    """Whether a layer that had a gradient in some of the frames before would hardly be without in
    so many after.

    For one that never had any, twice as many frames are asked for: nothing tells how often it would
        be used.
    """
    if not present:
        return absent >= 2 * limits.no_gradient_frames
    return (1 - present / (before + 1)) ** absent < limits.no_gradient_chance
