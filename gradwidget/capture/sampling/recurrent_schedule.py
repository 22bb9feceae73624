"""When recurrent layers are followed along time, which takes as long as the layers themselves."""

from __future__ import annotations

from gradwidget.capture.sampling.budget import Budget

EVERY = 16
"""Steps from one that they are followed in to the next at least, unless that is forced."""


class RecurrentSchedule:
    """Decides in which of the steps that are looked at; lives as long as the capture.

    In all that are forced; of the others, where they lie close together, in one of ``EVERY``, and
    where they lie far apart in every second.

    Args:
        budget: tells which steps are forced.

    Example:
        >>> budget = Budget(None)
        >>> turns = RecurrentSchedule(budget)
        >>> taken = []
        >>> for step in range(50):
        ...     if turns.take(step):
        ...         taken.append(step)
        ...     budget.stepped(elapsed=0.1, ours=0.001)
        >>> taken[-4:]
        [8, 9, 25, 41]
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._next = 0
        self._has_rested = True

    def take(self, step: int) -> bool:
        """Whether they are followed in this step; to be asked once in each that is looked at."""
        is_due = self._budget.is_forced or (self._has_rested and step >= self._next)
        self._has_rested = not is_due
        if is_due:
            self._next = step + EVERY
        return is_due
