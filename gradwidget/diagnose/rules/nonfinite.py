"""What the three rules on NaN and Inf share: which layers have them, and where they arose."""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Origin

WHERE: dict[str, str] = {
    "input": "it came in with the input",
    "weights": "the weights had it before",
    "forward": "it arose in the forward pass",
    "loss": "it arose in the loss",
    "backward": "it arose in the backward pass",
}


def layers_with(window: Window, metric: str) -> tuple[str, ...]:
    """Layers that count NaN or Inf in this frame, the one where it arose first, then on in the
    order of that pass.

    Where the weights had it before, the layers whose weights they are: from there it is everywhere
        else.
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
    """Where it arose, and the same as the end of a sentence."""
    origin = window.frame.origin
    if origin is None or origin.phase not in WHERE:
        return "unknown", ""
    phase: Origin = origin.phase  # type: ignore[assignment]  # checked against the keys of WHERE just above
    at = f", first in {origin.layer}" if origin.layer is not None else ""
    return phase, f"; {WHERE[phase]}{at}"
