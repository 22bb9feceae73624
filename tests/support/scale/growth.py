"""How fast a cost grows with a size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """The power of the size that a cost grows with, over the upper half of the sizes.

    The slope of the line through the logarithms: 1 where a cost is proportional, 0 where it is
    flat. What is constant has its share at the small sizes, which are left out.

    Args:
        sizes: rising.
        costs: as many, above 0.

    Example:
        >>> round(exponent([1, 10, 100, 1000], [5, 5, 50, 500]), 2)
        1.0
    """
    upper = slice(len(sizes) // 2, None)
    return float(np.polyfit(np.log(sizes[upper]), np.log(costs[upper]), 1)[0])
