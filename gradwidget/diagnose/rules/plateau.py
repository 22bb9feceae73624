"""The loss hardly improves, and it is known why, or it stays where nothing at all is told apart.

A flat loss alone says little: two networks may be trained against each other, a task may not be
learnable, a model may already be at its best. So the rule reports a plateau only together with a
cause, be it another symptom or how the network and its loss are built, and never once the loss has
been well below its start. The exception is a cross-entropy of a few classes that stays at what a
constant answer gets: a model that is at its best already is below that.
"""

from __future__ import annotations

import math

import numpy as np

from gradwidget.diagnose.causes.explanations import EXPLAINS
from gradwidget.diagnose.evidence.obstacle import barriers
from gradwidget.diagnose.evidence.window import Window, middle
from gradwidget.diagnose.finding import Detection, Finding, Symptom
from gradwidget.diagnose.rules.shared.no_probabilities import BINARY
from gradwidget.wording import shown

CAUSES = tuple(symptom for symptom, brings in EXPLAINS.items() if Symptom.PLATEAU in brings)
"""Symptoms that explain a plateau, the surest first."""

AT_CHANCE = 0.94
"""Share of the loss at the start, and of a constant answer, at which next to nothing is learned."""

FEW_CLASSES = 20
"""Classes of which something is learned within a few hundred steps: of more it may take longer."""

PATIENCE = 3
"""Times ``plateau_steps`` after which a loss at chance needs no other sign."""

STILL = 0.01
"""Share of the start by which it may have fallen from one third of the run to the next."""


def plateau(window: Window, active: Finding | None) -> Detection | None:
    """A loss near its start, together with what explains it."""
    del active  # the median of the window is stable enough
    limits = window.limits
    if window.age < limits.plateau_steps:
        return None
    if not limits.plateau_share < window.level_left < limits.plateau_above:
        return None
    # A loss that was lower and came back up, or that is just jumping up, is not a plateau.
    if window.has_learned or not window.newest_loss_left < limits.plateau_above:
        return None
    because = next((window.active[one] for one in CAUSES if _explains(window, one)), None)
    barrier = next((one for one in barriers(window) if one.is_certain or because is None), None)
    # A loss that has come down from an accidental height has improved, if not learned.
    has_come_down = window.start_loss - window.level > (1 - limits.plateau_share) * abs(
        window.start_loss
    )
    if has_come_down and not (barrier is not None and barrier.is_certain):
        return None
    layers: tuple[str, ...] = ()
    if barrier is not None:
        why = barrier.what
    elif because is not None:
        why, layers = f"the likely cause is: {because.title}", because.layers
    elif _is_at_chance(window):
        why = (
            "that is what a model gets that tells nothing apart, while gradients and updates are "
            "sound"
        )
    else:
        return None
    return Detection(
        severity="warning",
        message=f"After {window.age:,} steps the loss is still {shown(window.loss)} "
        f"({shown(window.start_loss)} at the start); {why}.",
        layers=layers,
        first_step=window.history.first_step or 0,
        evidence={
            "value": 1 - window.level_left,
            "bound": 1 - limits.plateau_share,
            "window": float(window.age),
            "barred": float(barrier is not None),
        },
        caveat="Some tasks begin with a long plateau and then improve.",
    )


def _explains(window: Window, symptom: Symptom) -> bool:
    """Whether the symptom has been there long enough to explain why nothing was learned."""
    finding = window.active.get(symptom)
    return (
        finding is not None and window.step - finding.first_step >= window.limits.plateau_steps // 2
    )


def _is_at_chance(window: Window) -> bool:
    """Whether a loss of a few classes has stayed at that of a constant answer for long."""
    is_of_two = not BINARY.isdisjoint(window.wiring.loss_path[:3])
    constant = math.log(2) if is_of_two else window.constant_loss
    if window.has_opponent or not 0 < constant <= math.log(FEW_CLASSES) or not window.knows_steps:
        return False
    if window.age < PATIENCE * window.limits.plateau_steps or _is_warming_up(window):
        return False
    losses = window.history.losses.means
    third = len(losses) // 3
    fallen = middle(losses[third:-third]) - middle(losses[-third:])
    floor = AT_CHANCE * max(window.start_loss, constant)
    return window.level > floor and fallen < STILL * window.start_loss


def _is_warming_up(window: Window) -> bool:
    """Whether the learning rate is still rising."""
    rates = window.history.recent_scalar("lr", window.limits.window)
    rates = rates[np.isfinite(rates)]
    return bool(rates.size and rates[-1] > rates[0])
