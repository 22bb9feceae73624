"""The interval between samples: a power of two, so that clocks choose nothing finer."""

from __future__ import annotations

import math

GIVE = 4
"""Times by which an interval must be too long before a shorter one is taken.

Steps take a little more or less time from run to run. With this the same loop is sampled at the
same steps, whatever else the machine does.
"""


class SampleInterval:
    """Keeps the interval until what samples cost has clearly changed.

    Example:
        >>> interval = SampleInterval()
        >>> [interval.settle(needed) for needed in (0.5, 23.0, 31.0, 9.0, 7.0)]
        [1, 32, 32, 32, 8]
    """

    def __init__(self) -> None:
        self.steps = 1
        """Steps from one sample to the next."""

    def settle(self, needed: float) -> int:
        """The interval, where one sample costs what ``needed`` steps may spend."""
        if needed > self.steps or needed * GIVE < self.steps:
            self.steps = 2 ** max(0, math.ceil(math.log2(needed))) if needed > 1 else 1
        return self.steps
