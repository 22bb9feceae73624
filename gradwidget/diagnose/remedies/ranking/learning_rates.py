"""The fixes for learning rates, ranked, and what a lower one has to be."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from gradwidget.diagnose.causes.explanations import SHUT
from gradwidget.diagnose.evidence.regression_error import first_residual
from gradwidget.diagnose.evidence.weight_rotation import (
    RISEN,
    Undivided,
    far_off,
    first_rotation,
    undivided,
)
from gradwidget.diagnose.evidence.window import Window, middle
from gradwidget.diagnose.finding import Detection, Remedy
from gradwidget.diagnose.remedies.average_loss import average_loss
from gradwidget.diagnose.remedies.cap_rate import cap_rate
from gradwidget.diagnose.remedies.check_loss_scale import check_loss_scale
from gradwidget.diagnose.remedies.check_schedule import check_schedule
from gradwidget.diagnose.remedies.clip import clip
from gradwidget.diagnose.remedies.hold_rate import hold_rate
from gradwidget.diagnose.remedies.learning_rate import FARTHEST, learning_rate
from gradwidget.diagnose.remedies.lengthen_schedule import lengthen_schedule
from gradwidget.diagnose.remedies.loosen_clip import loosen_clip
from gradwidget.diagnose.remedies.lower_eps import lower_eps
from gradwidget.diagnose.remedies.lower_momentum import lower_momentum
from gradwidget.diagnose.remedies.normalize import normalize
from gradwidget.diagnose.remedies.reinitialize import reinitialize
from gradwidget.diagnose.remedies.scale_targets import scale_targets
from gradwidget.diagnose.remedies.shared.join_remedies import join_remedies
from gradwidget.diagnose.remedies.unscale_gradients_first import unscale_gradients_first
from gradwidget.record.history import RECENT
from gradwidget.wording import shown

SHUT_BY_STEPS = (
    "What steps that were too large have shut does not open by itself; where the weights had been "
    "loaded, load them again."
)
"""Why a lower rate alone comes too late."""

FIRST_MOVE = 0.01
"""Change of the weights over their size in the first steps of training that goes well.

The median over the healthy runs of the evaluation, under SGD and Adam alike, of the median layer.
"""
FIRST_MOVE_OF_MOST = 0.02
"""The same of the layer that moves most; a tenth of the runs each are below 0.008, above 0.04."""

ENOUGH = 0.5
"""Share of what a lower rate would make steps smaller by that an average has to make them."""

RATIO_WORTH_A_TRY = 3.0
"""Factor between two rates of which the second is worth a try where the first does not help.

One that is nearer would be much the same advice again.
"""


def for_rate_too_high(detection: Detection, window: Window) -> Iterator[Remedy | None]:
    """Smaller steps; or errors of a usual size, where they are what makes the steps."""
    moves = detection.evidence["value"]
    # Of the first step alone: what comes after it, such steps have made.
    residual = first_residual(window, 1)
    outputs = window.history.start("act_rms")[:1, window.paths.last].astype(np.float64)
    size = middle(outputs[0]) if len(outputs) else 0.0
    if residual > window.limits.target_scale * max(1.0, size):
        # A rate for errors of that size is one for nothing else.
        yield scale_targets(residual, window)
    summed = undivided(window) if "times" in detection.evidence else None
    why = f"A step moves the weights by {moves:,.0%} of their size."
    smaller = list(smaller_steps(window, why, summed))
    if "broke" in detection.evidence:
        shut = {name for one in SHUT & window.active.keys() for name in window.active[one].layers}
        fresh = reinitialize([one for one in window.layers if one.name in shut], SHUT_BY_STEPS)
        if fresh is not None:
            smaller = [join_remedies(one, fresh) for one in smaller]
    averages = int(summed is not None)
    yield from smaller[:averages]
    yield lower_momentum(window)
    yield _capped(window)
    yield from smaller[averages:]
    yield _smaller_outputs(window)
    yield clip(window, detection.first_step)


def smaller_steps(window: Window, why: str, summed: Undivided | None) -> Iterator[Remedy]:
    """An average in the place of a sum, and, where that is not enough or no sum, a lower rate.

    Args:
        window: the newest frames.
        why: what says that steps are too large, as a sentence.
        summed: what a step adds up, if anything.
    """
    if summed is not None:
        yield average_loss(summed)
    is_enough = summed is not None and summed.times * _factor(window) >= ENOUGH
    lower = None if is_enough else slower(window, why)
    if lower is not None:
        yield lower


def slower(window: Window, why: str) -> Remedy | None:
    """A rate whose first steps move the weights as is usual; a tenth of the present one at most."""
    first, factor = first_rotation(window), _factor(window)
    if factor < 0.1:
        why += f" Its first step moved them by {first:,.0%}; at first, {FIRST_MOVE:.0%} is usual."
    return learning_rate(window, float(f"{factor:.1g}"), why + _slower_yet(window))


def _factor(window: Window) -> float:
    """What such a rate is, over the present one."""
    first = first_rotation(window)
    return FIRST_MOVE / first if first > 10 * FIRST_MOVE else 0.1


def _capped(window: Window) -> Remedy | None:
    """A bound for a rate that has done nothing but rise; None where it has not."""
    rates = np.append(
        window.history.start_scalar("lr")[:1], window.history.recent_scalar("lr", RECENT)
    ).astype(np.float64)
    rates = rates[np.isfinite(rates)]
    if len(rates) < 2 or not (rates[-1] > RISEN * rates[0] > 0 and (np.diff(rates) >= 0).all()):
        return None
    near = rates[-window.limits.window :]
    return cap_rate(rates[0], rates[-1], 0.1 * rates[-1]) if near[-1] > near[0] else None


def _slower_yet(window: Window) -> str:
    """The rate for the layer that moves most; empty where it is about the one for the median."""
    typical, most = first_rotation(window), first_rotation(window, of_most=True)
    factor = FIRST_MOVE_OF_MOST / most if most > 0 else math.nan
    rate = window.frame.scalars.get("lr", 0.0)
    usual = min(0.1, FIRST_MOVE / typical) if typical > 0 else 0.1  # an adapter may stand at first
    if not (rate > 0 and 1 / FARTHEST <= factor < usual / RATIO_WORTH_A_TRY):
        return ""
    return (
        f" Where that is not enough, try {shown(rate * float(f'{factor:.1g}'))}: the first step "
        f"moved one layer by {most:,.0%} of its size, and {FIRST_MOVE_OF_MOST:.0%} is usual of the "
        "one that moves most."
    )


def _smaller_outputs(window: Window) -> Remedy | None:
    """Norm layers, where the outputs are many times too large before any step is made."""
    why = far_off(window)
    if not why:
        return None
    return normalize(
        window.layers, f"{why} A norm layer brings the output of each layer back to scale."
    )


def for_rate_too_low(detection: Detection, window: Window) -> Iterator[Remedy | None]:
    """What makes the steps small, else larger ones."""
    if "spent" in detection.evidence:
        yield lengthen_schedule(int(detection.evidence["spent"]))
        yield hold_rate()
        return
    moves = detection.evidence["value"]
    if not moves > 0:
        if window.frame.scalars.get("lr") == 0:
            yield check_schedule()
            yield hold_rate()
        return
    unscaled = unscale_gradients_first(window)
    if unscaled is not None:
        yield unscaled
        return
    yield loosen_clip(window)
    if "eps" in detection.evidence:
        yield lower_eps(detection.evidence["eps"])
    factor = float(f"{FIRST_MOVE_OF_MOST / moves:.1g}")
    higher = learning_rate(
        window,
        factor,
        f"A step moves the weights by at most {shown(moves)} of their size; in its first steps, "
        f"training that goes well moves those that move most by about {FIRST_MOVE_OF_MOST:g}.",
    )
    yield higher or check_loss_scale()
