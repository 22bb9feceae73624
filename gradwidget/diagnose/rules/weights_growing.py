"""Weights that grow without bound, or have become very large.

Measured against the larger of their initial norm and a variance-preserving scale, so that a head
that starts at zero or very small is not reported while it grows to a usual size.
"""

from __future__ import annotations

from dataclasses import replace

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.level import Level, beyond
from gradwidget.diagnose.rules.shared.steady_growth import steady_growth
from gradwidget.wording import shown


def weights_growing(window: Window, active: Finding | None) -> Detection | None:
    """Layers whose weights are far beyond their scale."""
    del active  # the norm of weights is stable enough
    growth = steady_growth(window)
    why = "activations and gradients grow with them"
    if growth is not None:
        why = (
            f"those of all layers grow by {growth:.1%} a step, as by a penalty on them that is "
            "subtracted from the loss and not added"
        )
    found = beyond(
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
            f"The weights of {layers} have grown to {shown(ratio)}× their scale: {why}."
        ),
        "Fine if the layer was meant to start with far too small weights.",
    )
    if found is None or growth is None:
        return found
    return replace(found, evidence={**found.evidence, "growth": growth})
