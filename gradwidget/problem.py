"""A failure inside gradwidget that was contained: recorded and shown, never raised in the loop."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    r"""One kind of failure; the same failure again is not reported twice.

    Example:
        >>> trace = 'Traceback (most recent call last):\n  File "x.py", line 1\nKeyError: 3\n'
        >>> Problem("reading the gradients", "…", trace, 7).error
        'KeyError: 3'
    """

    where: str
    """What gradwidget was doing, such as ``"reading the gradients"``."""

    message: str
    """What a reader needs to know: what failed and what is no longer measured."""

    traceback: str
    """The traceback of the first occurrence, as text; empty where there was no exception."""

    step: int
    """The step at which it first happened."""

    is_off: bool = False
    """Whether it has failed so often that it is not tried any more."""

    @property
    def error(self) -> str:
        """The exception in one line; empty where there was none."""
        _, _, end = self.traceback.rpartition('\n  File "')
        return next((line for line in end.splitlines()[1:] if not line.startswith(" ")), "")
