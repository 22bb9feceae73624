"""Updates that are smaller than the weights can represent: the step leaves them as they were.

A weight in bfloat16 has 8 significant bits, so a change of less than 1/256 of it is rounded away.
Not reported: weights in fp32, entries without a gradient, copies of the weights in fp32 that the
optimizer changes instead.
"""

from __future__ import annotations

from gradwidget.diagnose.causes.explanations import NONFINITE
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.level import Level, beyond


def updates_lost(window: Window, active: Finding | None) -> Detection | None:
    """Layers most of whose entries a step leaves bit-identical although they have a gradient."""
    del active  # the median over many steps is stable enough
    precision = window.wiring.precision
    if not NONFINITE.isdisjoint(window.active):
        return None  # a NaN does not change either
    return beyond(
        window,
        Level(
            "updates_lost_fraction",
            window.median("updates_lost_fraction"),
            1.0,
            window.limits.lost_share,
            above=True,
        ),
        window.trainable & window.traits.weighty,
        lambda layers, share: (
            f"Up to {share:.0%} of the weights of {layers} do not change in a step although they "
            f"have a gradient: their update is too small for {precision} and is rounded away."
        ),
        "Fine if the optimizer keeps copies of the weights in fp32 of its own.",
    )
