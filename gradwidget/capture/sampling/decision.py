"""Decides which steps are sampled, so that the cost stays under a share of the training time.

The step after a sampled one is sampled too where several optimizers take turns: ``StepCycle``.
"""

from __future__ import annotations

import math

from gradwidget.capture.sampling.allowances import (
    AIM,
    ALLOWANCES,
    AT_LAST_EVERY,
    AT_LEAST_EVERY,
    CHEAP,
    EARLY,
    JUMP,
    LATER,
    MEMORY,
    WATCH_EVERY,
    WATCH_PRICE,
    Reason,
)
from gradwidget.capture.sampling.interval import SampleInterval
from gradwidget.capture.sampling.pace import Pace
from gradwidget.capture.sampling.running_mean import RunningMean
from gradwidget.token_bucket import TokenBucket

STARTED = ALLOWANCES[Reason.START].steps
KEPT = 1 - 1 / AT_LAST_EVERY
"""How much of what a step was is left of it in the sums one step later."""


class SamplingDecision:
    """Samples so rarely that a share of the training time pays for it.

    Which steps are sampled follows from their numbers: clocks only choose the interval, of the
    powers of two. Steps that were requested are sampled whatever they cost.

    Args:
        share: part of a step's time that may be spent; None samples every step.

    Example:
        >>> decision = SamplingDecision(0.01)
        >>> for _ in range(1000):
        ...     decision.stepped(elapsed=0.1, ours=0.002 if decision.sampling else 0.0)
        >>> round(decision.overhead, 3) <= 0.01, round(decision.interval)
        (True, 4)
    """

    def __init__(self, share: float | None) -> None:
        self.share = share
        self.watched = False
        """Whether samples are to be made about every ``WATCH_EVERY`` steps.

        More rarely where that would cost ``WATCH_PRICE`` times the budget, but at least as often
        as ever.
        """
        self.pace: Pace | None = None
        """The interval that is common to several processes; None where this one is alone."""
        self._buckets = {reason: TokenBucket(one.burst) for reason, one in ALLOWANCES.items()}
        self._asked: dict[Reason, int] = {}
        """The step in which a reason last made a request, since when it has been refilled."""
        self._affordable = SampleInterval()
        self._interval = 1
        """Steps from one ordinary sample to the next."""
        self._was_watched = False
        self._step = 0
        self._cost = RunningMean(MEMORY)
        self._elapsed = RunningMean(AT_LEAST_EVERY)
        # Sums over the steps without those at the start, of which older ones count less and less.
        # Written out, since they are added to at every step. The start counts as one sample.
        self._steps = self._sampled = 1.0
        self._time = self._ours = self._charges = 0.0
        self.spent = 0.0
        """Seconds spent on our side so far."""
        self._charged = 0.0
        self._requested = 0
        self.request(Reason.START)
        self._requested -= 1
        self.is_requested = True
        """Whether the step under way was requested before it began."""
        self.sampling = True
        """Whether the step under way is sampled."""

    @property
    def overhead(self) -> float:
        """Share of the time spent on our side in the last ``AT_LAST_EVERY`` steps, about.

        The steps at the start, which are all sampled, say little about it and do not count; NaN
        until there were ``AT_LEAST_EVERY`` others.
        """
        is_known = self._step >= STARTED + AT_LEAST_EVERY
        return self._ours / self._time if is_known else math.nan

    @property
    def interval(self) -> float:
        """Steps per sampled step, lately."""
        return self._steps / self._sampled

    @property
    def seconds_per_step(self) -> float:
        """Time that may be spent at every step on something cheap."""
        return math.inf if self.share is None else AIM * AIM * self.share * self._elapsed.value

    def request(self, reason: Reason) -> bool:
        """Has the steps after the one under way sampled, as many as the reason is allowed.

        Returns:
            Whether it is granted: the reason was not too frequent.
        """
        bucket, allowance = self._buckets[reason], ALLOWANCES[reason]
        bucket.fill((self._step - self._asked.get(reason, 0)) * allowance.refill)
        self._asked[reason] = self._step
        if not bucket.take():
            return False
        if self.pace is not None and self.pace.leads and reason is Reason.DIAGNOSIS:
            # It asks for what is to come: by then all can have heard of it.
            self.pace.request(self._step, allowance.steps)
            return True
        self._requested = max(self._requested, allowance.steps)
        return True

    def charge(self, seconds: float) -> None:
        """Counts time that was spent elsewhere on our behalf."""
        self._charged += seconds

    def stepped(self, elapsed: float, ours: float) -> None:
        """Takes note of a finished step and decides about the next.

        Args:
            elapsed: seconds since the step before ended, ours included.
            ours: seconds of it spent on our side.
        """
        # What steps usually take and lately cost. A cell boundary or an evaluation is no step.
        usual = self._elapsed.value
        elapsed = usual if usual and elapsed > JUMP * usual else elapsed
        self._elapsed.add(elapsed)
        charged, self._charged = self._charged, 0.0
        self.spent += ours + charged
        if self._step >= STARTED:
            self._steps = self._steps * KEPT + 1
            self._time = self._time * KEPT + elapsed
            self._ours = self._ours * KEPT + ours + charged
            self._charges = self._charges * KEPT + charged
            self._sampled = self._sampled * KEPT + self.sampling
        self.is_requested = self._requested > 0
        self._requested -= self.is_requested
        self._step += 1
        if self.share is None:
            return
        if self.sampling:
            self._cost.add(ours)
        if self.pace is not None:
            if self.pace.leads and self.sampling:
                self.pace.choose(self._step, self._every(self.share))
            self.sampling = self.is_requested or self.pace.samples(self._step)
            return
        # The interval is chosen again where it ends.
        before, is_over = self._interval, self._step % self._interval == 0
        if is_over or self.watched is not self._was_watched:
            self._interval, self._was_watched = self._every(self.share), self.watched
            if self._cost.value <= CHEAP and self._step >= AT_LEAST_EVERY:
                self._interval = min(self._interval, _early(self._step))
        # One that was no power of two ends where a shorter one may have no sample.
        is_due = self._step % self._interval == 0 or (is_over and self._interval < before)
        self.sampling = self.is_requested or is_due

    def _every(self, share: float) -> int:
        """The interval that samples of the present cost, or the watching, ask for."""
        income = AIM * share * self._elapsed.value - self._charges / self._steps
        # Where the charges alone are more than may be spent, samples are as rare as they ever are.
        needed = self._cost.value / income if income > 0 else AT_LAST_EVERY
        steps = self._affordable.settle(needed)
        every = min(steps, AT_LEAST_EVERY << sum(self._step >= later for later in LATER))
        if self.watched:
            every = min(every, max(WATCH_EVERY, math.ceil(steps * AIM / WATCH_PRICE)))
        return every


def _early(step: int) -> int:
    """The longest power of two that is at most a part of the steps so far."""
    return 1 << max((step // EARLY).bit_length() - 1, 0)
