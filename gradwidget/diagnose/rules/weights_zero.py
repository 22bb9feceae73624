"""Weights that have become next to nothing: the layer's output no longer depends on its input.

Not reported: layers that start at zero by design.
"""

from __future__ import annotations

from dataclasses import replace

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.level import Level, beyond
from gradwidget.diagnose.rules.weights_shrinking import first_norm
from gradwidget.wording import shown


def weights_zero(window: Window, active: Finding | None) -> Detection | None:
    """Layers of whose weights next to nothing is left."""
    del active  # the norm of weights is stable enough
    detection = beyond(
        window,
        Level(
            window.weight,
            window.median(window.weight),
            first_norm(window),
            window.limits.zero,
            above=False,
        ),
        window.trainable & window.traits.weighty,
        lambda layers, ratio: (
            f"Next to nothing is left of the weights of {layers} ({shown(ratio)} of their initial "
            "norm): they block everything that passes through."
        ),
        "Fine if the layer was pruned on purpose.",
    )
    return None if detection is None else replace(detection, severity="critical")
