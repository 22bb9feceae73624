"""The number of the first step of a run."""

from __future__ import annotations

import operator

LARGEST_START = 2**52
"""The largest number of a first step: a page counts in float64, which is exact up to 2⁵³."""


def checked_start(start_step: int) -> int:
    """It as a whole number.

    Raises:
        TypeError: it is none.
        ValueError: it is below 0 or above ``LARGEST_START``.

    Example:
        >>> checked_start(3)
        3
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
