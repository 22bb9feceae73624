"""Weights that grow without bound, or have become very large.

Measured against the larger of their initial norm and a variance-preserving scale, so that a head
that starts at zero or very small is not reported while it grows to a usual size.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradwidget.diagnose.causes.explanations import EXPLAINS
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding, Symptom
from gradwidget.diagnose.rules.shared.level import Level, beyond
from gradwidget.diagnose.rules.shared.steady_growth import steady_growth
from gradwidget.wording import shown

SEVERAL = 3
"""Layers of which one that grows by itself is told from a network that grows."""
ALONE = 100.0
"""Growth of one layer that no target asks for."""

USUAL = "activations and gradients grow with them"
"""What follows from weights that grow, where it is not known what drives them."""


def weights_growing(window: Window, active: Finding | None) -> Detection | None:
    """Layers whose weights are far beyond their scale."""
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
    if found is not None and active is None and _is_meant(window, found):
        return None
    growth = None if found is None else steady_growth(window)
    if found is None or growth is None:
        return found
    why = (
        f"those of all layers grow by {growth:.1%} a step, as with a penalty on the weights that "
        "is subtracted from the loss instead of added"
    )
    message = found.message.replace(USUAL, why)
    return replace(found, message=message, evidence={**found.evidence, "growth": growth})


def _is_meant(window: Window, found: Detection) -> bool:
    """Whether one layer alone has grown, and nothing goes wrong that comes of it.

    As of a head that learns returns in their hundreds, of prototypes that are normalized before
    they are compared, of a picture that is the weight. What makes weights grow without bound makes
    those of several layers grow; of a single one it is told by a loss that does not fall.
    """
    is_alone = np.sum(window.trainable & window.traits.weighty) < SEVERAL
    if len(found.layers) > 1 or (is_alone and not window.has_learned):
        return False
    harm = EXPLAINS[Symptom.WEIGHTS_GROWING] - {Symptom.PLATEAU}
    return found.evidence["value"] < ALONE and harm.isdisjoint(window.active)
