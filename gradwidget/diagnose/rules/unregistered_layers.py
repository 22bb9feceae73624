"""Layers that ``forward`` runs and that are no part of the model, as in a Python list.

``parameters()`` leaves them out, so no optimizer trains them and no checkpoint keeps them. Not
reported: a loss with parameters of its own that is called outside, a frozen teacher, a second
model that is trained elsewhere.
"""

from __future__ import annotations

from collections import Counter

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding


def unregistered_layers(window: Window, active: Finding | None) -> Detection | None:
    """Modules with trainable parameters that the model does not know."""
    del active  # exact
    outside = window.wiring.unregistered
    if not outside:
        return None
    counts = Counter(outside)
    kinds = ", ".join(f"{count} × {one}" if count > 1 else one for one, count in counts.items())
    return Detection(
        severity="warning",
        message=f"forward() runs layers that are not part of the model ({kinds}): parameters() "
        "leaves them out, so they are never trained, saved or moved to a device.",
        layers=(),
        first_step=window.history.first_step or 0,
        evidence={"value": float(len(outside)), "bound": 0.0, "window": 1.0},
        caveat="Fine if these layers are meant to stay as they are.",
    )
