"""Decides which steps are sampled, so that the whole cost stays under a share of the training time."""

from __future__ import annotations

import math

FIRST = 10
"""Steps at the start that are sampled whatever they cost: a reader sees something at once."""
AT_LEAST_EVERY = 100
"""Steps after which a sample is taken even beyond the budget."""
HURRY = 5.0
"""Times the budget that may be spent while something is watched."""
AIM = 0.5
"""Part of the budget that is spent knowingly: the rest is for costs that a clock inside our calls
does not see, such as emptied caches and the slower module call while a forward hook is
registered."""
MEMORY = 0.98
"""Weight that the past keeps, a step, in the running figures."""
PAUSE = 20.0
"""A step that took this many times the usual was no step but a pause: a cell boundary, an
evaluation."""


class Budget:
    """A purse that fills with training time and from which samples are paid.

    Args:
        share: part of a step's time that may be spent; None samples every step.

    Example:
        >>> budget = Budget(0.01)
        >>> for _ in range(1000):
        ...     budget.stepped(elapsed=0.1, ours=0.002 if budget.sampling else 0.0)
        >>> round(budget.overhead, 3) <= 0.01, 3 < budget.interval < 8
        (True, True)
    """

    def __init__(self, share: float | None) -> None:
        self.share = share
        self.sampling = True
        """Whether the step under way is sampled."""
        self._steps = 0
        self._since_sample = 0
        self.is_forced = True
        """Whether the step under way is one of the first, or was asked for by ``force``."""
        self._forced = FIRST - 1
        self._every = AT_LEAST_EVERY
        self._purse = 0.0
        self._cost = 0.0
        self._elapsed = 0.0
        self._ours = 0.0
        self._weight = 0.0
        self._samples = 0.0
        self._usual = 0.0

    @property
    def overhead(self) -> float:
        """Share of the time lately spent on our side; NaN before the first step."""
        return self._ours / self._elapsed if self._elapsed else float("nan")

    @property
    def interval(self) -> float:
        """Steps per sampled step, lately; 1.0 before the first step."""
        return self._weight / self._samples if self._samples else 1.0

    def force(self, steps: int) -> None:
        """Samples so many steps after the one under way, whatever they cost, because something
        looks wrong.
        """
        self._forced = max(self._forced, steps)

    def hurry(self, every: int) -> None:
        """Takes a sample about every so many steps from now on; 0 for as rarely as ever.

        More rarely where that would cost ``HURRY`` times the budget, but never more rarely than
        ever.
        """
        self._every = every or AT_LEAST_EVERY

    def times(self, seconds: float) -> float:
        """How many times a step something that takes ``seconds`` may be done at every step."""
        return self._seconds_a_step() / seconds

    def affords(self, seconds: float) -> bool:
        """Whether something that takes ``seconds`` may be done at every step."""
        return seconds < self._seconds_a_step()

    def _seconds_a_step(self) -> float:
        return math.inf if self.share is None else AIM / 2 * self.share * self._usual

    def charge(self, seconds: float) -> None:
        """Takes time spent elsewhere on our behalf out of the purse."""
        self._purse -= seconds
        self._ours += seconds

    def stepped(self, elapsed: float, ours: float) -> None:
        """Takes note of a finished step and decides about the next.

        Args:
            elapsed: seconds since the step before ended, ours included.
            ours: seconds of it spent on our side.
        """
        if self._usual and elapsed > PAUSE * self._usual:
            elapsed = self._usual
        self._usual = elapsed if not self._usual else MEMORY * self._usual + (1 - MEMORY) * elapsed
        self._steps += 1
        self._elapsed = MEMORY * self._elapsed + elapsed
        self._ours = MEMORY * self._ours + ours
        self._weight = MEMORY * self._weight + 1
        self._samples = MEMORY * self._samples + self.sampling
        was_forced, self.is_forced = self.is_forced, self._forced > 0
        self._forced -= self.is_forced
        if self.share is None:
            return
        if self.sampling:
            self._since_sample = 0
            self._cost = ours if not self._cost else 0.8 * self._cost + 0.2 * ours
        else:
            self._since_sample += 1
        if was_forced:
            # What was forced is not paid back: it would leave a reader in the dark just after
            # something happened.
            self._purse = 0.0
        else:
            self._purse = min(self._purse + AIM * self.share * elapsed - ours, 2 * self._cost)
        affordable = self._cost / (HURRY * self.share * self._usual) if self._usual else 0.0
        overdue = self._since_sample + 1 >= min(max(self._every, affordable), AT_LEAST_EVERY)
        self.sampling = self.is_forced or self._purse >= self._cost or overdue
