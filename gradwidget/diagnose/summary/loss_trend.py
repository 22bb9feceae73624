"""The trend of the loss, in one word."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gradwidget.record.history import History

Trend = Literal["falling", "flat", "rising"]

WINDOWS = (200, 1000)
"""Newest losses that are considered: what has just begun, else what goes on slowly."""
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
    trends = (_trend(_newest(history, window)) for window in WINDOWS)
    return next((trend for trend in trends if trend != "flat"), "flat")


def _newest(history: History, n: int) -> NDArray[np.float64]:
    """The newest losses, of every step where they are known, else of those that were sampled."""
    if history.losses.version:
        return history.losses.recent(n)[1]
    return history.recent_scalar("loss", n)


def _trend(losses: NDArray[np.float64]) -> Trend | None:
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
