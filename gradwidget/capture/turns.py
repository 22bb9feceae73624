"""When recurrent layers are followed along time."""

from __future__ import annotations

FIRST = 10
"""Times that the layers of a run are followed whenever they are looked at."""
EVERY = 16
"""Steps after which they are followed again: it takes about as long as the layers themselves."""


class Turns:
    """Decides in which steps recurrent layers are followed along time; lives as long as the capture.

    Example:
        >>> turns = Turns()
        >>> steps = [step for step in range(30) if turns.take(step)]
        >>> steps[-3:]
        [8, 9, 25]
    """

    def __init__(self) -> None:
        self._taken = 0
        self._next = 0
        self._until = 0

    def force(self, until: int) -> None:
        """Follows them in every step before ``until``, because something looks wrong."""
        self._until = until

    def take(self, step: int) -> bool:
        """Whether they are followed in this step."""
        if self._taken >= FIRST and self._next > step >= self._until:
            return False
        self._taken += 1
        self._next = step + EVERY
        return True
