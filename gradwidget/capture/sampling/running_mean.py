"""What a value usually is."""

from __future__ import annotations


class RunningMean:
    """The mean of the first values, which forgets the older ones as new ones come.

    Args:
        length: values that it remembers, about.

    Example:
        >>> mean = RunningMean(10)
        >>> mean.add(1.0), mean.add(2.0), mean.value, mean.is_settled
        (None, None, 1.5, False)
    """

    __slots__ = ("_least", "_weight", "value")

    def __init__(self, length: int) -> None:
        self.value = 0.0
        """The mean; 0 before the first value."""
        self._least = 1 / length
        self._weight = 1.0

    @property
    def is_settled(self) -> bool:
        """Whether there were as many values as it remembers."""
        return self._weight == self._least

    def add(self, value: float) -> None:
        """Takes a value into account."""
        self.value += self._weight * (value - self.value)
        # The first values count alike: a mean that began at one of them would take long to forget.
        if self._weight > self._least:
            self._weight = max(self._weight / (1 + self._weight), self._least)
