"""NaN or Inf in the weights: nothing that the model computes with them has a meaning."""

from __future__ import annotations

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.nonfinite_words import layers_with, origin_of
from gradwidget.wording import names


def weights_nonfinite(window: Window, active: Finding | None) -> Detection | None:
    """Any weight, in the newest frame."""
    del active  # exact: the newest frame alone decides
    layers = layers_with(window, "weight_nonfinite")
    if not layers:
        return None
    origin, _ = origin_of(window)
    return Detection(
        severity="critical",
        message=f"The weights of {names(layers)} have been NaN or Inf since step {window.step:,}: "
        "the model is lost unless earlier weights are restored.",
        layers=layers,
        first_step=window.step,
        evidence={"value": float(len(layers)), "bound": 0.0, "window": 1.0},
        caveat="None: weights do not recover from NaN.",
        origin=origin,
    )
