"""Which layers have NaN or Inf, and where it arose; shared by the three rules on them."""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Origin

WHERE: dict[str, str] = {
    "input": "it came with the input",
    "weights": "it was already in the weights",
    "forward": "it arose in the forward pass",
    "loss": "it arose in the loss",
    "backward": "it arose in the backward pass",
    "update": "the optimizer made it of gradients that were finite",
}


def layers_with(window: Window, metric: str) -> tuple[str, ...]:
    """Layers that have NaN or Inf in this frame: where it arose first, then in order of that pass.

    Where it was already in the weights, the layers of those weights: from them it spreads
    everywhere.
    """
    names = _having(window, metric)
    origin = window.frame.origin
    if origin is None or not names:
        return tuple(names)
    if origin.phase == "weights":
        names = _having(window, "weight_nonfinite") or names
    if origin.phase == "backward":
        names.reverse()
    if origin.layer in names:
        names.remove(origin.layer)
        names.insert(0, origin.layer)
    return tuple(names)


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


def origin_of(window: Window) -> tuple[Origin, str]:
    """Where it arose, as a word and as the end of a sentence."""
    origin = window.frame.origin
    if origin is None or origin.phase not in WHERE:
        return "unknown", ""
    phase: Origin = origin.phase  # type: ignore[assignment]  # a key of WHERE, as checked above
    at = f", first in {origin.layer}" if origin.layer is not None else ""
    is_half = window.wiring.precision == "float16" and phase in ("forward", "loss")
    half = ", in half precision, which ends at 65,504" if is_half else ""
    return phase, f"; {WHERE[phase]}{at}{half}"
