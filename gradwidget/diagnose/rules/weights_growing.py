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

USUAL = "activations and gradients grow with them"
"""What follows from weights that grow, where it is not known what drives them."""


def weights_growing(window: Window, active: Finding | None) -> Detection | None:
    """Layers whose weights are far beyond their scale."""
    del active  # the norm of weights is stable enough
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
            f"The weights of {layers} have grown to {shown(ratio)}× their scale: {USUAL}."
        ),
        "Fine if the layer was meant to start with far too small weights.",
    )
    growth = None if found is None else steady_growth(window)
    if found is None or growth is None:
        return found
    why = (
        f"those of all layers grow by {growth:.1%} a step, as by a penalty on them that is "
        "subtracted from the loss and not added"
    )
    message = found.message.replace(USUAL, why)
    return replace(found, message=message, evidence={**found.evidence, "growth": growth})
