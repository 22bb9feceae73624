"""A layer's gradient as a bar of characters on a log scale."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gradwidget.frame import FloatArray

BAR = 24
"""Characters of the longest bar."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Decades that bars stretch over."""

    floor: int
    top: int

    @classmethod
    def of(cls, values: FloatArray) -> Scale:
        """The decades of the finite values above 0.

        One more below, so that the smallest bar is still a bar.
        """
        positive = values[np.isfinite(values) & (values > 0)]
        low, high = (float(positive.min()), float(positive.max())) if positive.size else (1.0, 1.0)
        return cls(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)))

    def __str__(self) -> str:
        return f"1e{self.floor} to 1e{self.top}, log"

    def bar(self, value: float) -> str:
        """The bar of a value; empty where it is no finite number above 0.

        Example:
            >>> Scale(-2, 0).bar(0.1)
            '████████████'
        """
        if not (math.isfinite(value) and value > 0):
            return ""
        share = (math.log10(value) - self.floor) / (self.top - self.floor)
        eighths = round(share * BAR * 8)
        return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]
