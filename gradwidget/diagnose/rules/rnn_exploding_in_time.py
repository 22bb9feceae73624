"""Gradients that explode along time: each step back multiplies them.

Not reported: a sum over many time steps with a loss each; padding at the end of sequences; a model
that has learned all but the first time steps, which have no context (their own loss is then nearly
the whole gradient), or that has learned the last ones best, as a decoder with a loss at every step;
a direction that only reflects how the gradient of the layer above fades the other way.
"""

from __future__ import annotations

from gradwidget.diagnose.evidence.window import Window, holding_since
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.time_ratio import layers_past
from gradwidget.wording import names, shown


def rnn_exploding_in_time(window: Window, active: Finding | None) -> Detection | None:
    """Recurrent layers whose first time steps get many times the gradient of the last."""
    del active  # the median of several profiles is stable enough
    bound = window.limits.rnn_exploding
    # What grows at every step back has come halfway, on a log scale, by the middle. From a third to
    # two is enough, since some of it may be noise.
    found = [
        one
        for one in layers_past(window, bound, above=True)
        if one.value ** (1 / 3) < one.halfway < one.value ** (2 / 3)
    ]
    if not found:
        return None
    worst = found[0]
    layers = tuple(ratio.layer for ratio in found)
    return Detection(
        severity="warning",
        message=f"In {names(layers)}, the gradient of the first of {worst.length} time steps is "
        f"{shown(worst.value)}× that of the last: it grows at every step back.",
        layers=layers,
        first_step=holding_since(worst.steps, worst.values > bound),
        evidence={
            "value": worst.value,
            "bound": bound,
            "window": float(window.limits.rnn_profiles),
        },
        caveat=f"Measured as {worst.quantity}. Clipping may already keep it in check.",
    )
