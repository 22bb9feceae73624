"""The loss hardly improves, and it is known why, or it stays where nothing at all is told apart.

A flat loss alone says little: two networks may be trained against each other, a task may not be
learnable, a model may already be at its best. So the rule reports a plateau only together with a
cause, be it another symptom or how the network and its loss are built, and never once the loss has
been well below its start. The exception is a cross-entropy of a few classes that stays at what a
constant answer gets: a model that is at its best already is below that. So is a regression that
stays at what the mean of its targets gets, wherever it started.
"""

from __future__ import annotations

import math

import numpy as np

from gradwidget.diagnose.causes.explanations import EXPLAINS
from gradwidget.diagnose.evidence.obstacle import Barrier, barriers
from gradwidget.diagnose.evidence.onset import unseen_before
from gradwidget.diagnose.evidence.window import Window, middle
from gradwidget.diagnose.finding import Detection, Finding, Symptom
from gradwidget.diagnose.rules.shared.harm import (
    began_trained,
    has_come_down,
    in_words,
    there_since,
)
from gradwidget.diagnose.rules.shared.no_probabilities import BINARY
from gradwidget.record.history import RECENT
from gradwidget.wording import shown

CAUSES = tuple(symptom for symptom, brings in EXPLAINS.items() if Symptom.PLATEAU in brings)
"""Symptoms that explain a plateau, the surest first."""

AT_CHANCE = 0.94
"""Share of the loss at the start, and of a constant answer, at which next to nothing is learned."""

FEW_CLASSES = 20
"""Classes of which something is learned within a few hundred steps: of more it may take longer."""

PATIENCE = 3
"""Times ``plateau_steps`` after which a loss at chance needs no other sign."""

LONGER = 5
"""Times ``plateau_steps`` after which a regression at the mean of its targets does.

Of targets that are mostly noise, a healthy network has learned something by then, if little.
"""

SURELY = 2.0
"""Standard errors of the explained share by which it is below what would be something."""

SOMETHING = 0.01
"""Explained share that is something: of the returns of shares nobody explains more than a few."""

NOTHING = (-0.1, 0.03)
"""Share of the error of a constant answer that is explained where only the mean is learned.

Less is another thing: steps that are too large, or batches each of which holds what is alike.
"""

MEASURED = 4
"""Measured steps of the last two thirds of a run that have to show it."""

SAME_TARGETS = 1.5
"""Factor by which what their mean gets may change over a run, of targets that are given and not
made by another network."""

STILL = 0.01
"""Share of the start by which it may have fallen from one third of the run to the next."""


def plateau(window: Window, active: Finding | None) -> Detection | None:
    """A loss near its start, together with what explains it, or at the mean of the targets."""
    del active  # the medians of the window are stable enough
    return _near_start(window) or _at_mean(window)


def _at_mean(window: Window) -> Detection | None:
    """A regression that answers every sample with the mean of its targets, and no longer falls."""
    if window.age < LONGER * window.limits.plateau_steps or not _speaks_for_itself(window):
        return None
    late = window.history.recent_steps(RECENT) > window.step - 2 * window.age / 3
    explained = window.history.recent_scalar("explained_share", RECENT)[late]
    explained = explained[np.isfinite(explained)]
    if len(explained) < MEASURED or not _are_given(window):
        return None
    # By their mean: what is explained of a batch by chance is not explained of the next.
    error = float(explained.std()) / math.sqrt(len(explained) - 1)
    most = float(explained.mean()) + SURELY * error
    if most > SOMETHING:
        return None
    half, (low, high) = len(explained) // 2, NOTHING
    before, now = middle(explained[:half]), middle(explained[half:])
    # By the share, which has nothing of how the batches differ.
    if not (low < before < high and low < now < high) or now - before > high:
        return None
    since = there_since(window)
    barrier = _barrier(window, _because(window, since))
    why = "" if barrier is None else f"; {barrier.what}"
    below = f"at most {most:.1%} below" if most > 0 else "not below"
    return Detection(
        severity="warning",
        message=f"At step {window.step:,} the loss is {shown(window.level)}, and the error is "
        f"{below} that of predicting the mean of the targets for every sample: nothing but that "
        f"mean is learned{why}.",
        layers=(),
        first_step=since,
        evidence={
            "value": middle(explained),
            "bound": high,
            "window": float(window.age),
            "barred": float(barrier is not None),
        },
        caveat="Fine if the targets are mostly noise. Some tasks begin with a long plateau and "
        "then improve.",
    )


def _are_given(window: Window) -> bool:
    """Whether the targets vary as they did, and so are not made by another network."""
    recent = window.history.recent_scalar("constant_error", RECENT)
    errors = np.append(window.history.start_scalar("constant_error"), recent)
    errors = errors[np.isfinite(errors)]
    half = len(errors) // 2
    first, last = middle(errors[:half]), middle(errors[half:])
    return max(first, last) <= SAME_TARGETS * min(first, last)


def _near_start(window: Window) -> Detection | None:
    limits = window.limits
    if window.age < limits.plateau_steps:
        return None
    if not limits.plateau_share < window.level_left < limits.plateau_above:
        return None
    # A loss that was lower and came back up, or that is just jumping up, is not a plateau.
    if window.has_learned or not window.newest_loss_left < limits.plateau_above:
        return None
    since = there_since(window)
    because = _because(window, since)
    barrier = _barrier(window, because)
    is_good = has_come_down(window) or began_trained(window)
    if is_good and not (barrier is not None and barrier.is_certain):
        return None
    layers: tuple[str, ...] = ()
    if barrier is not None:
        why = barrier.what
    elif because is not None:
        why, layers = f"the likely cause is: {because.title}", because.layers
        # Up to there, nothing had to be learned yet.
        since = max(since, because.first_step)
    elif _is_at_chance(window):
        why = (
            "a model that cannot tell inputs apart gets the same, while its gradients and updates "
            "look healthy"
        )
    else:
        return None
    return Detection(
        severity="warning",
        message=f"At step {window.step:,} the loss {in_words(window, window.level)}; {why}.",
        layers=layers,
        first_step=since,
        evidence={
            "value": 1 - window.level_left,
            "bound": 1 - limits.plateau_share,
            "window": float(window.age),
            "barred": float(barrier is not None),
        },
        caveat="Some tasks begin with a long plateau and then improve.",
    )


def _because(window: Window, since: int) -> Finding | None:
    """The surest symptom that explains why nothing was learned; None where none does."""
    return next((window.active[one] for one in CAUSES if _explains(window, one, since)), None)


def _barrier(window: Window, because: Finding | None) -> Barrier | None:
    """What keeps the network from learning; where a symptom explains it, only what is certain."""
    return next((one for one in barriers(window) if one.is_certain or because is None), None)


def _explains(window: Window, symptom: Symptom, since: int) -> bool:
    """Whether the symptom has been there long enough to explain why nothing was learned.

    A loss that has been where it is for more steps than a run is granted before the symptom began
    has another reason.

    Args:
        window: the newest frames.
        symptom: that of the cause.
        since: the step since which the loss has been there.
    """
    finding = window.active.get(symptom)
    if finding is None or window.step - finding.first_step < window.limits.plateau_steps // 2:
        return False
    earliest = finding.first_step - unseen_before(window.history, finding.first_step)
    return earliest <= since + window.limits.plateau_steps


def _is_at_chance(window: Window) -> bool:
    """Whether a loss of a few classes has stayed at that of a constant answer for long."""
    is_of_two = not BINARY.isdisjoint(window.wiring.loss_path[:3])
    constant = math.log(2) if is_of_two else window.constant_loss
    if not (0 < constant <= math.log(FEW_CLASSES) and _speaks_for_itself(window)):
        return False
    losses = window.history.losses.means
    third = len(losses) // 3
    fallen = middle(losses[third:-third]) - middle(losses[-third:])
    floor = AT_CHANCE * max(window.start_loss, constant)
    return window.level > floor and fallen < STILL * window.start_loss


def _speaks_for_itself(window: Window) -> bool:
    """Whether a loss that is what a constant answer gets needs no other sign: it is late enough."""
    return (
        window.age >= PATIENCE * window.limits.plateau_steps
        and window.knows_steps
        and not window.has_opponent
        and not _is_warming_up(window)
    )


def _is_warming_up(window: Window) -> bool:
    """Whether the learning rate is still rising."""
    rates = window.history.recent_scalar("lr", window.limits.window)
    rates = rates[np.isfinite(rates)]
    return bool(rates.size and rates[-1] > rates[0])
