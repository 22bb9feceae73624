"""Weights that grow without bound, or have become very large.

Measured against the larger of their initial norm and a variance-preserving scale, so that a head
that starts at zero or very small is not reported while it grows to a usual size.
"""

from __future__ import annotations

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.level import Level, beyond
from gradwidget.wording import shown


def weights_growing(window: Window, active: Finding | None) -> Detection | None:
    """Layers whose weights are far beyond their scale."""
    del active  # the norm of weights is stable enough
    return beyond(
        window,
        Level(
            window.weight,
            window.median(window.weight),
            window.weight_scale,
            window.limits.growth,
            above=True,
        ),
        window.trainable & window.traits.weighty,
        lambda layers, ratio: (
            f"The weights of {layers} have grown to {shown(ratio)}× their scale: activations and "
            "gradients grow with them."
        ),
        "Fine if the layer was meant to start with far too small weights.",
    )
