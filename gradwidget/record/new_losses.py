"""The losses of steps that are over, until somebody takes them."""

from __future__ import annotations

from collections import deque

MOST = 100_000
"""Losses that may wait; beyond, the oldest are lost."""


class NewLosses:
    """Put in by the training thread without a call of ours, taken out on any other."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[int, float]] = deque(maxlen=MOST)
        """Step and loss of each, in the order of the steps."""

    def take(self) -> list[tuple[int, float]]:
        """Those that have come since last time; by one thread at a time."""
        return [self.waiting.popleft() for _ in range(len(self.waiting))]
