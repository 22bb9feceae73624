"""Trainable parameters without any gradient: never used, or cut off on the way to the loss.

Not reported: frozen layers (they are not trainable), heads and branches used now and then, the zero
gradient of a factor whose partner starts at zero (LoRA).
"""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.disconnection import Disconnection, disconnection, unused_of
from gradwidget.diagnose.evidence.lost_gradient import lost_since
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.thresholds import Thresholds
from gradwidget.record.history import RECENT
from gradwidget.wording import names


def no_gradient(window: Window, active: Finding | None) -> Detection | None:
    """Layers without a gradient for many steps, and for far longer than ever before."""
    del active  # what has been missing for so long is missing
    if lost_since(window) is not None:
        return None  # it was there
    absent = window.median("grad_is_none") > 0
    candidates = np.flatnonzero(absent & window.trainable)
    since = {int(i): step for i in candidates if (step := _since(window, int(i))) is not None}
    if not since:
        return None
    layers = tuple(window.layers[i].name for i in sorted(since, key=lambda i: (since[i], i)))
    first = min(since.values())
    how = disconnection(window, layers, first)
    return Detection(
        severity="warning",
        message=_message(window, layers, how, first),
        layers=layers,
        first_step=first,
        evidence={
            "value": float(window.step - first),
            "bound": float(window.limits.no_gradient_steps),
            "window": float(window.step - first),
            "idle": float(how in ("never run", "no longer run", "never used")),
        },
        caveat="Fine if this stage of training does not use that part of the model.",
    )


def _message(window: Window, layers: tuple[str, ...], how: Disconnection | None, first: int) -> str:
    text = f"No gradient reaches the trainable parameters of {names(layers)}: "
    if how == "no longer run":
        return f"{text}forward() has not run them since step {first:,}."
    if how == "never run":
        return f"{text}forward() never runs them."
    if how == "never used":
        return (
            f"{text}forward() runs, and what it gives does not depend on "
            f"{names(unused_of(window, layers))}: it is never used, or only where no graph is "
            "recorded, as under no_grad() or behind detach()."
        )
    if how == "cut off":
        return f"{text}they run, but what they give is cut off on its way to the loss."
    reasons = {window.frame.reasons[name] for name in layers if name in window.frame.reasons}
    why = f" ({reasons.pop()})" if len(reasons) == 1 else ""
    return f"{text}the loss does not depend on them{why}."


def _since(window: Window, layer: int) -> int | None:
    """The step since which the layer has had no gradient; None where that is too short to tell."""
    # Over how many of the newest measured frames it has had none.
    rows = window.history.recent("grad_is_none", RECENT)[::-1, layer]
    steps = window.history.recent_steps(RECENT)[::-1]
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
    # It must be far longer than the longest gap so far after which there was a gradient again.
    gaps = np.flatnonzero(np.diff(present) > 1)
    before = int(np.max(seen_at[present[gaps] + 1] - seen_at[present[gaps + 1] - 1] + 1, initial=0))
    steady = len(present) >= limits.no_gradient_frames
    # A layer that runs in every step, and whose output leads nowhere in any, is cut off: always, or
    # since then, where it had a gradient in every step before.
    ran = window.history.recent("has_run", RECENT)[::-1, layer][known][:length]
    ran = ran[np.isfinite(ran)]
    is_cut_off = len(ran) >= limits.no_gradient_frames and bool((ran > 0).all())
    if is_cut_off and (not present.size or (steady and not before)):
        needed = limits.no_gradient_certain
    else:
        needed = max(3 * before, limits.no_gradient_after if steady else limits.no_gradient_steps)
    return since if window.step - since + 1 >= needed else None


def _unlikely(present: int, before: int, absent: int, limits: Thresholds) -> bool:
    """Whether it is unlikely that the layer is still in use and was only not used in these frames.

    Judged by how often it was used before. For a layer that was never used nothing is known of
    that, so twice as many frames are required.

    Args:
        present: frames with a gradient.
        before: all frames up to the last of those.
        absent: frames without one since.
        limits: the bounds in force.
    """
    if not present:
        return absent >= limits.no_gradient_frames
    return (1 - present / (before + 1)) ** absent < limits.no_gradient_chance
