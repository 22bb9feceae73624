"""The interval between samples that all processes of a training keep to."""

from __future__ import annotations

AHEAD = 16
"""Steps at least by which a change is announced: every process has heard of it by then."""
INTERVALS = 2
"""Intervals by which it is announced where these are longer: others ask once in each."""


class Pace:
    """Which steps are sampled, as a function of their numbers: the same in every process.

    One of the processes, which has a clock as any other, chooses the interval and announces each
    change before it counts; the others follow.

    Example:
        >>> lead, other = Pace(), Pace()
        >>> lead.leads = True
        >>> lead.choose(12, 8)
        >>> other.follow(lead.take())
        >>> [step for step in range(26, 50) if other.samples(step)]
        [26, 27, 32, 40, 48]
    """

    def __init__(self) -> None:
        self.leads = False
        """Whether this process chooses."""
        self._now = self._then = 1
        self._since = 0
        """The step from which ``_then`` counts."""
        self._series = 0, 0
        self._is_new = False

    def interval(self, step: int) -> int:
        """Steps from one sample to the next, at a step."""
        return self._then if step >= self._since else self._now

    def samples(self, step: int) -> bool:
        """Whether every process samples a step."""
        first, end = self._series
        return step % self.interval(step) == 0 or first <= step < end

    def choose(self, step: int, every: int) -> None:
        """Takes another interval, unless a change is under way."""
        if step < self._since or every == self._then:
            return
        self._now, self._then, self._since = self._then, every, self._ahead_of(step)
        self._is_new = True

    def request(self, step: int, steps: int) -> None:
        """Has every process sample ``steps`` steps in a row, once all can have heard of it."""
        first = self._ahead_of(step)
        if self._series[1] <= step:
            self._series = first, first + steps
            self._is_new = True

    def take(self) -> bytes:
        """What there is to announce; empty where nothing is new."""
        if not self._is_new:
            return b""
        self._is_new = False
        return b" ".join(b"%d" % one for one in (self._now, self._then, self._since, *self._series))

    def follow(self, plan: bytes) -> None:
        """Takes over what was announced."""
        if plan:
            self._now, self._then, self._since, *series = map(int, plan.split())
            self._series = series[0], series[1]

    def _ahead_of(self, step: int) -> int:
        return step + max(AHEAD, INTERVALS * self.interval(step))
