"""The loss hardly improves, and there is a symptom that explains why.

A flat loss alone says little: two networks may be trained against each other, a task may not be
learnable, a model may already be at its best. So the rule reports a plateau only together with a
cause, and never once the loss has been well below its start.
"""

from __future__ import annotations

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding, Symptom
from gradwidget.wording import shown

CAUSES = (
    Symptom.VANISHING_GRADIENTS,
    Symptom.LR_TOO_LOW,
    Symptom.LR_TOO_HIGH,
    Symptom.DEAD_RELU,
    Symptom.SATURATED,
    Symptom.WEIGHTS_ZERO,
    Symptom.EARLY_LAYERS_FROZEN,
    Symptom.NO_GRADIENT,
    Symptom.WEIGHTS_SHRINKING,
    Symptom.FP16_UNDERFLOW,
    Symptom.EXPLODING_GRADIENTS,
    Symptom.COLLAPSED_OUTPUTS,
    Symptom.RNN_VANISHING_IN_TIME,
)
"""Symptoms that explain a plateau, the most likely first."""


def plateau(window: Window, active: Finding | None) -> Detection | None:
    """A loss near its start, together with a symptom that explains it."""
    del active  # the median of the window is stable enough
    limits = window.limits
    if window.age < limits.plateau_steps:
        return None
    if not limits.plateau_share < window.loss_left < limits.plateau_above:
        return None
    # A loss that has come down from an accidental height has improved, if not learned.
    if window.start_loss - window.loss > (1 - limits.plateau_share) * abs(window.start_loss):
        return None
    # A loss that was lower and came back up, or that is just jumping up, is not a plateau.
    if window.has_learned or not window.newest_loss_left < limits.plateau_above:
        return None
    cause = next((symptom for symptom in CAUSES if _explains(window, symptom)), None)
    if cause is None:
        return None
    because = window.active[cause]
    return Detection(
        severity="warning",
        message=f"After {window.age:,} steps the loss is still {shown(window.loss)} "
        f"({shown(window.start_loss)} at the start); the likely cause is: {because.title}.",
        layers=because.layers,
        first_step=window.history.first_step or 0,
        evidence={
            "value": 1 - window.loss_left,
            "bound": 1 - limits.plateau_share,
            "window": float(window.age),
        },
        caveat="Some tasks begin with a long plateau and then improve.",
    )


def _explains(window: Window, symptom: Symptom) -> bool:
    """Whether the symptom has been there long enough to explain why nothing was learned."""
    finding = window.active.get(symptom)
    return (
        finding is not None and window.step - finding.first_step >= window.limits.plateau_steps // 2
    )
