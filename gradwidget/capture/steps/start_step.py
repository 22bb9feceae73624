"""The number that a run begins with, as a user gives it."""

from __future__ import annotations

import operator

LARGEST_START = 2**52
"""The largest number of a first step: a page counts in float64, which is exact up to 2⁵³."""


def checked_start(start_step: int) -> int:
    """The number of a first step.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is below 0 or too large.
    """
    try:
        start = operator.index(start_step)
    except TypeError:
        message = f"start_step must be a whole number, not {type(start_step).__name__}"
        raise TypeError(message) from None
    if not 0 <= start <= LARGEST_START:
        message = f"start_step must be at least 0 and at most {LARGEST_START:,}"
        raise ValueError(message)
    return start
