"""Gradients that vanish along time: nothing can be learned from early in a sequence.

Not reported: a loss at every time step, which gives each of them a gradient of its own; a direction
that only reflects how the gradient of the layer above explodes the other way.
"""

from __future__ import annotations

from gradwidget.diagnose.evidence.window import Window, holding_since
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.time_ratio import layers_past
from gradwidget.wording import names, times_less


def rnn_vanishing_in_time(window: Window, active: Finding | None) -> Detection | None:
    """Recurrent layers whose first time steps get next to nothing of the gradient."""
    del active  # the median of several profiles is stable enough
    bound = window.limits.rnn_vanishing
    found = layers_past(window, bound, above=False)
    if not found:
        return None
    worst = found[0]
    than = "than" if worst.value > 0 else "although there is some at"
    layers = tuple(ratio.layer for ratio in found)
    return Detection(
        severity="warning",
        message=f"In {names(layers)}, the first of {worst.length} time steps gets "
        f"{times_less(worst.value)} gradient {than} the last: nothing can be learned from what "
        "came long before.",
        layers=layers,
        first_step=holding_since(worst.steps, worst.values < bound),
        evidence={
            "value": worst.value,
            "bound": bound,
            "window": float(window.limits.rnn_profiles),
        },
        caveat=f"Measured as {worst.quantity}. Fine if the task needs no long memory.",
    )
