"""Which layers have NaN or Inf, and where it arose; shared by the three rules on them."""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Origin
from gradwidget.wording import names

WHERE: dict[str, str] = {
    "input": "it came with the input",
    "weights": "it was already in the weights",
    "forward": "it arose in the forward pass",
    "loss": "it arose in the loss",
    "backward": "it arose in the backward pass",
    "update": "the optimizer made it from finite gradients",
}


def layers_with(window: Window, metric: str) -> tuple[str, ...]:
    """Layers that have NaN or Inf in this frame: where it arose first, then in order of that pass.

    Where it was already in the weights, the layers of those weights: from them it spreads
    everywhere.
    """
    having = _having(window, metric)
    origin = window.frame.origin
    if origin is None or not having:
        return tuple(having)
    if origin.phase == "weights":
        having = _having(window, "weight_nonfinite") or having
    if origin.phase == "backward":
        having.reverse()
    if origin.layer in having:
        having.remove(origin.layer)
        having.insert(0, origin.layer)
    return tuple(having)


def _having(window: Window, metric: str) -> list[str]:
    count = window.frame.metrics.get(metric)
    if count is None:
        return []
    having = count > 0
    if not having.any():
        return []
    return [
        window.layers[i].name for i in np.flatnonzero(window.frame.is_measured(metric) & having)
    ]


def moved(window: Window) -> dict[str, float]:
    """``moved``: the most that any of the steps just before changed a layer, over its size.

    A NaN that arises on the way forward after small steps is not the work of these steps. Empty
    where the step before was not measured, and in half precision, which ends where steps may get.
    """
    steps = window.history.recent_steps(window.limits.window)
    gaps = np.flatnonzero(np.diff(steps) > 1)
    since = int(gaps[-1]) + 1 if gaps.size else 0
    changes = window.history.recent("matrix_change", window.limits.window)[since:-1]
    with np.errstate(invalid="ignore"):
        shares = changes / window.weight_scale
    known = shares[~np.isnan(shares)]
    if not known.size or window.wiring.precision == "float16":
        return {}
    return {"moved": float(known.max())}


def origin_of(window: Window) -> tuple[Origin, str]:
    """Where it arose, as a word and as the end of a sentence."""
    origin = window.frame.origin
    if origin is None or origin.phase not in WHERE:
        return "unknown", ""
    if origin.phase == "weights" and _is_behind(window):
        at = names(_having(window, "weight_nonfinite"))
        return "backward", (
            f"; only the weights of {at} have it, so it arose in the backward pass of an earlier "
            "step, on its way to them"
        )
    phase: Origin = origin.phase  # type: ignore[assignment]  # a key of WHERE, as checked above
    at = f", first in {origin.layer}" if origin.layer is not None else ""
    if origin.operation:
        at = f", in {origin.operation}"
        at += f" on the way to {origin.layer}" if origin.layer is not None else ""
    is_half = window.wiring.precision == "float16" and phase in ("forward", "loss")
    half = ", in half precision, which ends at 65,504" if is_half else ""
    return phase, f"; {WHERE[phase]}{at}{half}"


def _is_behind(window: Window) -> bool:
    """Whether the weights of the first layers have it, and those of the later layers do not.

    What arises on the way to the loss comes back to every layer; what arises on the way back only
    to those that it has not passed yet. Half precision may do it in the update of one layer.
    """
    counts = window.frame.metrics.get("weight_nonfinite")
    if counts is None or not window.paths.known or window.wiring.precision == "float16":
        return False
    wired = np.array([layer.name in window.wiring.feeds for layer in window.layers])
    among = window.trainable & wired & window.frame.is_measured("weight_nonfinite")
    having, clean = among & (counts > 0), among & (counts == 0)
    if not having.any() or not clean.any():
        return False
    before = window.paths.before
    upstream = before[having].any(axis=0) & clean
    return not upstream.any() and bool(before[clean].any(axis=0)[having].all())
