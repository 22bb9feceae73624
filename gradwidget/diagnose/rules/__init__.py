"""One symptom a file; this is the list of those that are looked for."""

from __future__ import annotations

from collections.abc import Callable

from gradwidget.diagnose.finding import Finding, Symptom
from gradwidget.diagnose.rules.exploding_gradients import exploding_gradients
from gradwidget.diagnose.rules.gradients_nonfinite import gradients_nonfinite
from gradwidget.diagnose.rules.loss_nonfinite import loss_nonfinite
from gradwidget.diagnose.rules.vanishing_gradients import vanishing_gradients
from gradwidget.diagnose.rules.weights_nonfinite import weights_nonfinite
from gradwidget.diagnose.sighting import Sighting
from gradwidget.diagnose.window import Window

Rule = Callable[[Window, Finding | None], Sighting | None]
"""Given the newest frames and the finding that is already open for its symptom: what it sees now, or None."""

RULES: dict[Symptom, Rule] = {
    Symptom.EXPLODING_GRADIENTS: exploding_gradients,
    Symptom.GRADIENTS_NONFINITE: gradients_nonfinite,
    Symptom.LOSS_NONFINITE: loss_nonfinite,
    Symptom.WEIGHTS_NONFINITE: weights_nonfinite,
    Symptom.VANISHING_GRADIENTS: vanishing_gradients,
}
