"""Whether a loop leaves gradients alone between its backward pass and its step."""

from __future__ import annotations

TURNS = 15
"""Steps in which gradients are read once, before one in which they are read twice again."""
MOST = 64
"""Steps without a change that are waited for at most, before they are read once again."""


class ReadingOnce:
    """Decides whether large gradients are read once in a sampled step, or twice.

    Where nothing changes them, one reading in full serves for both. Where something does, it would
    be a reading too many: it is done only after steps in which nothing was changed, after twice as
    many each time that this was wrong.

    Example:
        >>> once = ReadingOnce()
        >>> once.is_due
        False
        >>> once.step_ended(untouched=True)
        >>> once.is_due
        True
    """

    def __init__(self) -> None:
        self._wait = 1
        self._left = 1
        self._turns = 0

    @property
    def is_due(self) -> bool:
        """Whether they are read once in this step."""
        return self._left == 0

    def step_ended(self, *, untouched: bool) -> None:
        """A step in which they were read has ended; whether nothing had changed them."""
        if untouched and self.is_due:
            self._turns -= 1
            self._left = int(self._turns <= 0)
        elif untouched:
            self._left -= 1
            self._turns = TURNS
        else:
            if self.is_due:
                self._wait = min(2 * self._wait, MOST)
            self._left = self._wait
