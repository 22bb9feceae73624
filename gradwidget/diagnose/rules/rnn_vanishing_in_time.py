"""Gradients that vanish along the time axis: what happened early in a sequence can no longer teach
anything.

Look-alikes that stay silent: a loss at every time step, which feeds each of them its own gradient,
a direction that only mirrors how the gradient of the layer above explodes the other way.
"""

from __future__ import annotations

from gradwidget.diagnose.evidence.window import Window, holding_since
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.in_time import layers_past
from gradwidget.wording import names, times_less


def rnn_vanishing_in_time(window: Window, active: Finding | None) -> Detection | None:
    """Recurrent layers whose first time steps get next to nothing of the gradient."""
    del active  # the median of several profiles is steady enough by itself
    bound = window.limits.rnn_vanishing
    found = layers_past(window, bound, above=False)
    if not found:
        return None
    worst = found[0]
    layers = tuple(ratio.layer for ratio in found)
    return Detection(
        severity="warning",
        message=f"In {names(layers)} the first of {worst.length} time steps gets {times_less(worst.value)} gradient "
        f"{'than' if worst.value > 0 else 'while there is some at'} the last: "
        "it cannot learn from what came long before.",
        layers=layers,
        first_step=holding_since(worst.steps, worst.values < bound),
        evidence={
            "value": worst.value,
            "bound": bound,
            "window": float(window.limits.rnn_profiles),
        },
        caveat=f"Measured as {worst.quantity}. Fine if the task needs no long memory.",
    )
