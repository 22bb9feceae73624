"""A loss that is NaN or Inf: the gradients that follow from it carry no information."""

from __future__ import annotations

import math

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.nonfinite_words import moved, origin_of


def loss_nonfinite(window: Window, active: Finding | None) -> Detection | None:
    """A loss that is not finite, in the newest frame."""
    del active  # exact: the newest frame alone decides
    loss = window.frame.scalars.get("loss", 0.0)
    if math.isfinite(loss):
        return None
    origin, where = origin_of(window)
    layer = window.frame.origin.layer if window.frame.origin is not None else None
    if math.isinf(loss) and origin == "loss" and window.wiring.is_of_alignments:
        where += (
            ", in ctc_loss, which is infinite where a target, with a blank between equal "
            "neighbors, is longer than its input"
        )
    word = "NaN" if math.isnan(loss) else "infinite"
    return Detection(
        severity="critical",
        message=f"The loss is {word} at step {window.step:,}{where}.",
        layers=(layer,) if layer is not None else (),
        first_step=window.step,
        evidence={"value": loss, "bound": 0.0, "window": 1.0, **moved(window)},
        caveat="None, unless this loss is only reported and not trained on.",
        origin=origin,
    )
