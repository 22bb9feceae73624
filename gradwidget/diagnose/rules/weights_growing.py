"""Weights that grow without bound, or have become very large.

Measured against the larger of their initial norm and a variance-preserving scale, so that a head
that starts at zero or very small is not reported while it grows to a usual size.
"""

from __future__ import annotations

from dataclasses import replace

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.level import Level, beyond
from gradwidget.diagnose.rules.shared.weight_pull import weight_pull
from gradwidget.wording import shown


def weights_growing(window: Window, active: Finding | None) -> Detection | None:
    """Layers whose weights are far beyond their scale."""
    del active  # the norm of weights is stable enough
    pull = weight_pull(window)
    why = "activations and gradients grow with them"
    if pull is not None:
        why = (
            f"in every layer the gradient is {shown(pull)}× the weights, as that of a penalty on "
            "them that is subtracted from the loss and not added"
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
    if found is None or pull is None:
        return found
    return replace(found, evidence={**found.evidence, "pull": pull})
