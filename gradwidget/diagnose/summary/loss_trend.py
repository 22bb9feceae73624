"""Where the loss is going, in one word."""

from __future__ import annotations

from typing import Literal

import numpy as np

from gradwidget.record.history import History

Trend = Literal["falling", "flat", "rising"]

WINDOW = 200
"""Newest steps looked at."""
ENOUGH = 20
"""Losses needed before anything is said."""
NOTICEABLE = 0.002
"""Change between the halves of the window, relative to the loss, below which it is flat however
sure it is."""
SURE = 3.0
"""Standard errors that the change must be, so that the noise of batches is not taken for a trend.
"""


def loss_trend(history: History) -> Trend | None:
    """Compares the newer half of the recent losses with the older half; None while there are too
    few.

    Medians and the median absolute deviation are used, so that a single odd batch changes nothing.
    """
    losses = history.recent_scalar("loss", WINDOW)
    losses = losses[np.isfinite(losses)]
    if len(losses) < ENOUGH:
        return None
    older, newer = np.array_split(losses, 2)
    change = float(np.median(newer) - np.median(older))
    spread = max(float(np.median(np.abs(half - np.median(half)))) for half in (older, newer))
    # 1.4826 makes a deviation of the median one of a normal distribution, 1.2533 the error of a
    # median from it.
    error = 1.4826 * 1.2533 * spread * np.sqrt(2 / len(newer))
    if abs(change) < max(SURE * error, NOTICEABLE * abs(float(np.median(older)))):
        return "flat"
    return "falling" if change < 0 else "rising"
