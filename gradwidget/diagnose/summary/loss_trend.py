"""The trend of the loss, in one word."""

from __future__ import annotations

from typing import Literal

import numpy as np

from gradwidget.record.history import History

Trend = Literal["falling", "flat", "rising"]

WINDOW = 200
"""Newest frames that are considered."""
ENOUGH = 20
"""Losses needed before there is a trend."""
NOTICEABLE = 0.002
"""Change between the halves of the window, relative to the loss, that is not flat.

A smaller one is, however certain it is.
"""
SURE = 3.0
"""Standard errors that the change must exceed, so that the noise of batches is not a trend."""


def loss_trend(history: History) -> Trend | None:
    """Compares the newer half of the recent losses with the older half; None if there are too few.

    By medians and the median absolute deviation, so that a single unusual batch changes nothing.
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
