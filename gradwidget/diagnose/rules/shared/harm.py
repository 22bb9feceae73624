"""Whether a run suffers: what has become of its loss, in words too."""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.causes.explanations import EXPLAINS
from gradwidget.diagnose.evidence.window import STRETCH, Window, middle
from gradwidget.diagnose.finding import Symptom
from gradwidget.wording import shown

TRAINED = 0.5
"""Share of what a constant answer gets wrong that no fresh network gets right: it has 0 or less."""
APART = 0.1
"""Share of a level by which another one differs from it: less is about the same."""
FAR_DOWN = 0.5
"""Share of the start by which a loss has to have fallen to be no longer still what it was."""


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


def in_words(window: Window, loss: float, verb: str = "is still") -> str:
    """What has become of the loss, to follow "the loss": with its start, and what that means.

    Args:
        window: the newest frames.
        loss: the level that is judged.
        verb: of a loss that is about what it was, or somewhat below.
    """
    start, constant = window.start_loss, window.constant_loss
    if loss > start + APART * abs(start):
        return f"has risen to {shown(loss)} ({shown(start)} at the start)"
    # From an accident it comes down to what says nothing.
    is_down = loss < start - APART * abs(start)
    is_nothing = is_down and constant > 0 and abs(loss - constant) < APART * constant
    if not is_nothing and start - loss > FAR_DOWN * abs(start):
        return f"has come down to {shown(loss)} and stays there ({shown(start)} at the start)"
    what = ", about what a constant answer gets" if is_nothing else ""
    return f"{verb} {shown(loss)}{what} ({shown(start)} at the start)"


def there_since(window: Window) -> int:
    """The step since which the loss has been about as low as it is, or lower.

    The first one of the run where it has not come down, or where that is not known.
    """
    first = window.history.first_step or 0
    bound = window.level + APART * abs(window.level)
    if not window.knows_steps or not window.start_loss > bound:
        return first
    losses = window.history.losses
    below = np.cumsum(np.append(0, losses.means <= bound))
    most = np.flatnonzero(2 * (below[STRETCH:] - below[:-STRETCH]) > STRETCH)
    return max(first, int(losses.steps[most[0]])) if most.size else first
