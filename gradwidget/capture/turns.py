"""When recurrent layers are followed along time."""

from __future__ import annotations

FIRST = 10
"""Times that they are followed whenever they are looked at."""
EVERY = 16
"""Where every step is looked at, steps after which they are followed again: it takes as long as the layers themselves.
A step that is looked at alone stands for many, and they are followed in it."""


class Turns:
    """Decides in which of the steps that are looked at; lives as long as the capture.

    Example:
        >>> turns = Turns()
        >>> steps = [step for step in (*range(30), 90, 120) if turns.take(step)]
        >>> steps[-4:]
        [9, 25, 90, 120]
    """

    def __init__(self) -> None:
        self._taken = 0
        self._last = -1
        self._next = 0
        self._until = 0

    def force(self, until: int) -> None:
        """Follows them in every step before ``until``, because something looks wrong."""
        self._until = until

    def take(self, step: int) -> bool:
        """Whether they are followed in this step; to be asked once in each that is looked at."""
        is_alone = step - self._last > 1
        self._last = step
        if not (is_alone or self._taken < FIRST or step >= self._next or step < self._until):
            return False
        self._taken += 1
        self._next = step + EVERY
        return True
