"""How long a process works by itself before it has to wait for others."""

from __future__ import annotations

from time import perf_counter

from gradwidget.capture.guard import Guard


class TimeAlone:
    """Counts from the end of a backward pass, in which gradients are brought together.

    What gradwidget takes meanwhile is left out: the process that judges has more to do, and lags
    behind nobody.

    Args:
        guard: knows what gradwidget has taken.

    Example:
        >>> alone = TimeAlone(Guard())
        >>> alone.begins()
        >>> 0 <= alone.seconds() < 60
        True
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self.begins()

    def begins(self) -> None:
        """The process has waited for the others, and goes on by itself."""
        self._since, self._spent = perf_counter(), self._guard.spent_until_now()

    def was_paused(self, seconds: float) -> None:
        """The loop has been paused for so long."""
        self._since += seconds

    def seconds(self) -> float:
        """So far."""
        spent = self._guard.spent_until_now() - self._spent
        return max(0.0, perf_counter() - self._since - spent)
