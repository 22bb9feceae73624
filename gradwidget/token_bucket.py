"""A token bucket: limits how often something may happen, and how often in a row."""

from __future__ import annotations


class TokenBucket:
    """Starts full, is emptied by what happens and filled again as time passes.

    Args:
        burst: tokens that it holds at most, so how often something may happen in a row.
        balance: tokens that it starts with; ``burst`` by default.

    Example:
        >>> bucket = TokenBucket(2)
        >>> [bucket.take() for _ in range(3)]
        [True, True, False]
        >>> bucket.fill(0.5), bucket.take(), bucket.fill(0.5), bucket.take()
        (None, False, None, True)
    """

    __slots__ = ("balance", "burst")

    def __init__(self, burst: float, balance: float | None = None) -> None:
        self.burst = burst
        self.balance = burst if balance is None else balance

    def fill(self, tokens: float) -> None:
        """Adds tokens up to ``burst``; negative ones are a cost that may lead into debt."""
        self.balance = min(self.burst, self.balance + tokens)

    def take(self, tokens: float = 1) -> bool:
        """Takes tokens if there are as many; tells whether there were."""
        if self.balance < tokens:
            return False
        self.balance -= tokens
        return True
