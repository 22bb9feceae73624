"""Whether a run suffers: for scales that are no finding as long as training goes well."""

from __future__ import annotations

from gradwidget.diagnose.causes.explanations import EXPLAINS
from gradwidget.diagnose.evidence.window import Window, middle
from gradwidget.diagnose.finding import Symptom

TRAINED = 0.5
"""Share of what a constant answer gets wrong that no fresh network gets right: it has 0 or less."""


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


def began_trained(window: Window) -> bool:
    """Whether the model was good from the first step on, as a checkpoint that is trained further.

    By how much less its error is than that of a constant answer, where one of the two tells that: a
    regression that explains how its targets differ, or a cross-entropy.
    """
    first = window.limits.certain_frames
    explained = middle(window.history.start_scalar("explained_share")[:first])
    return explained > TRAINED or window.start_loss < (1 - TRAINED) * window.constant_loss
