"""Whether a run suffers: for scales that are no finding as long as training goes well."""

from __future__ import annotations

from gradwidget.diagnose.causes.explanations import EXPLAINS
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom


def is_harmed(window: Window, by: Symptom) -> bool:
    """Whether there is a symptom that another one can bring about, or nothing is learned.

    Args:
        window: the newest frames.
        by: the one that may have brought it about.
    """
    if any(symptom in EXPLAINS[by] for symptom in window.active):
        return True
    return (
        window.age >= window.limits.plateau_steps
        and not window.has_learned
        and window.level_left > window.limits.plateau_share
    )


def has_come_down(window: Window) -> bool:
    """Whether the loss has come down from an accidental height: improved, if not learned."""
    fallen = window.start_loss - window.level
    return fallen > (1 - window.limits.plateau_share) * abs(window.start_loss)
