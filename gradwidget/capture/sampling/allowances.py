"""Why a step is sampled, how much of that each reason is allowed, and every other constant."""

from __future__ import annotations

import math
from typing import NamedTuple

from gradwidget.strenum import StrEnum

# ------------------------------------------------------------------ what ordinary samples may cost

AIM = 0.5
"""Part of the budget that is spent knowingly.

The other part is for costs that a clock inside our calls does not see, such as emptied caches and
slower module calls while a forward hook is registered. Spot checks may use this part of that part.
"""
AT_LEAST_EVERY = 100
"""Steps from one sample to the next at most, even beyond the budget.

What steps usually take is a mean over as many.
"""
LATER = (600, 1200)
"""Steps after each of which half as many samples have to do.

What is wrong from the start was seen by then, what comes slowly takes its time in proportion, and
what happens suddenly asks for samples itself.
"""
AT_LAST_EVERY = 400
"""Steps from one sample to the next at most, after the last of them.

What steps lately cost is a mean over as many.
"""
EARLY = 3
"""Part of the run so far that may go by from one sample to the next, after ``AT_LEAST_EVERY``.

A run is over when nobody expects it: so no more than a quarter of a short one is left unjudged. Not
before: what rises over the first steps, as the weight of a loss, is taken for a spike less often.
"""
CHEAP = 0.02
"""Seconds of a sample up to which that is so, whatever the budget says.

It is three more until the usual samples are as close. Where steps take longer, the budget pays.
"""
WATCH_EVERY = 10
"""Steps from one sample to the next while the diagnosis watches something that takes its time."""
WATCH_PRICE = 5.0
"""Times the budget that watching may cost."""

# ------------------------------------------------------------------ how long a reason is sampled

SERIES = 11
"""Steps in a row that let a rule judge: its whole window of frames, and two to spare."""
AFTERMATH = 5
"""Steps after a fault that is certain: what it does to the next ones explains it."""

# ------------------------------------------------------------------ what makes a value stand out

JUMP = 10.0
"""Factor by which a value differs from its usual size when something happened.

The noise of batches, and what schedules and scalers do at a time, is smaller. A step that took this
many times as long was a pause, and below this part of its first size a loss is all noise.
"""
RISE = 6.0
"""Times its usual deviation by which a loss rises when something may have happened."""
NOTICEABLE = 1.5
"""Factor by which weights, or a loss that is so smooth that it hardly deviates, have changed."""
MEMORY = 10
"""Values of which the usual one is the mean."""

# ------------------------------------------------------------------ how much a spot check reads

ENTRIES = 1 << 13
"""Entries of a tensor that are read: more would take longer than the call that reads them.

A few would be those of single units, which come and go.
"""
END_ENTRIES = 1 << 9
"""The same where a backward pass ends, at every step: a NaN spreads over all that it reaches."""
CHECKS = 8
"""Parameters that are checked at once, when their time was saved up.

The first of them is the expensive one: its code and data may be anywhere in memory.
"""

ALONG_TIME = 1 / 16
"""Part of the steps in which recurrent layers are measured along time: it takes as long as they."""


class Reason(StrEnum):
    """Why steps are to be sampled; where there are several at once, the first here counts."""

    START = "start"
    """The loop has just begun: a reader sees something at once."""
    LOSS_JUMP = "loss jump"
    """The loss is far above its usual size, or no longer finite."""
    OVERFLOW = "overflow"
    """A gradient is NaN or infinite, or the optimizer is told to skip the step because of one."""
    NORM_JUMP = "norm jump"
    """The norm of all gradients is far above its usual size, or no longer finite."""
    LOSS_RISE = "loss rise"
    """The loss is well above its noise, which often is only more noise."""
    WEIGHT_DRIFT = "weight drift"
    """A spot check found weights changed."""
    SPOT_CHECK = "spot check"
    """A spot check found a gradient, a learning rate or the loss scale changed."""
    DIAGNOSIS = "diagnosis"
    """The diagnosis suspects something that it cannot judge by one frame."""
    PAUSE = "pause"
    """The loop was paused or is about to be: its next step is what somebody wants to see."""


class Allowance(NamedTuple):
    """How much sampling a reason may have."""

    steps: int
    """Steps that are sampled after the one under way."""
    burst: float = math.inf
    """How often it is granted in a row."""
    refill: float = 0.0
    """Part of another time that comes back per step."""


ALLOWANCES = {
    Reason.START: Allowance(SERIES),
    Reason.LOSS_JUMP: Allowance(AFTERMATH),
    Reason.OVERFLOW: Allowance(AFTERMATH),
    Reason.NORM_JUMP: Allowance(AFTERMATH),
    # One step is enough where it is often noise: the diagnosis requests more if that looks wrong.
    Reason.LOSS_RISE: Allowance(1),
    # NOTICEABLE six times over is a factor of 11, past what a rule is looking for. Each time is two
    # sampled steps: in the long run as many as watching makes.
    Reason.WEIGHT_DRIFT: Allowance(1, burst=6, refill=1 / (2 * WATCH_EVERY)),
    # So that noise does not make a sampled run one that is not: in the long run as many as there
    # are at least.
    Reason.SPOT_CHECK: Allowance(1, burst=3, refill=1 / AT_LAST_EVERY),
    # Limits itself, by symptom.
    Reason.DIAGNOSIS: Allowance(SERIES),
    Reason.PAUSE: Allowance(1),
}
"""The allowance of each reason."""
