"""How far the outputs of a regression are from their targets, without a look at the targets."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gradwidget.diagnose.evidence.window import Window, middle

ABSOLUTE = frozenset({"l1_loss", "smooth_l1_loss", "huber_loss", "abs"})
SQUARED = frozenset({"mse_loss", "pow"})
AROUND = frozenset({"mean", "sum", "sub", "rsub", "mul", "div"})
"""Operations of the same sums as they are written by hand."""
LOW = {"sigmoid": 0, "softmax": 0, "tanh": -1}
"""Lower bound of each function whose upper one is 1."""
ABOVE_ZERO = frozenset({"relu", "softplus"})
"""Functions that give nothing below 0 and everything above it."""
PART = 0.1
"""Share of the targets' range that has to lie below 0, and of the loss that has to be left: some
noise below amounts that are positive does no harm."""
ROUNDED = 1.01
"""An error that is larger than the largest by no more than this may be rounded."""


def first_residual(window: Window, most: int | None = None) -> float:
    """RMS, or for absolute errors the mean, of outputs less targets in the first frames.

    From the loss L and its gradient g at the N outputs: of c times a sum of squared errors, it is
    2 L / (|g| √N), and of c times a sum of absolute ones L / (|g| √N), whatever c is. NaN where the
    loss is another one, or not of one layer alone.

    Args:
        window: the newest frames.
        most: of this many frames; None for a window of them.
    """
    operations = set(window.wiring.loss_path)
    squared, is_absolute = is_squared(window), bool(operations & ABSOLUTE)
    last = np.flatnonzero(window.paths.last)
    if squared == is_absolute or last.size != 1 or operations - SQUARED - ABSOLUTE - AROUND:
        return math.nan
    norm = window.history.start("act_grad_norm")[:, last[0]].astype(np.float64)
    per_entry = window.history.start("act_grad_rms")[:, last[0]].astype(np.float64)
    loss = window.history.start_scalar("loss")
    frames = min(most or window.limits.window, len(loss), len(norm))
    with np.errstate(all="ignore"):
        # √N is the norm over the RMS.
        found = (2 if squared else 1) * loss / norm * per_entry / norm
    return middle(found[:frames])


def is_squared(window: Window) -> bool:
    """Whether the loss is of squared errors, and not of absolute ones."""
    return not SQUARED.isdisjoint(window.wiring.loss_path)


class OutOfReach(NamedTuple):
    """Outputs with bounds whose error is larger than the bounds are apart."""

    function: str
    low: int
    is_squared: bool
    """Whether the loss is the mean of squared errors, and not of absolute ones."""
    error: float
    """That mean."""

    @property
    def bounds(self) -> str:
        """What the function gives, in words."""
        return f"{'−' if self.low < 0 else ''}{abs(self.low)} … 1"

    @property
    def most(self) -> int:
        """The largest error of outputs and targets within the bounds."""
        apart = 1 - self.low
        return apart**2 if self.is_squared else apart


def out_of_reach(window: Window) -> OutOfReach | None:
    """What is out of reach; None where that is not proved.

    Were all targets within the bounds, no entry's error could be larger than their distance, and
    so neither could the mean.
    """
    loss, function, factor = window.wiring.obstacles.get("bounded", ("", "", "1"))
    if function not in LOW:
        return None
    found = OutOfReach(function, LOW[function], loss == "mse_loss", window.loss / float(factor))
    return found if found.error > ROUNDED * found.most else None


def below_reach(window: Window) -> tuple[str, float] | None:
    """The function that outputs come from, which gives nothing below 0, and the least target.

    None where no clear part of the targets is below 0 in every one of the newest frames, or where
    little of the loss is left.
    """
    _, function, _ = window.wiring.obstacles.get("bounded", ("", "", "1"))
    frames = window.limits.certain_frames
    low = window.history.recent_scalar("target_min", frames)
    high = window.history.recent_scalar("target_max", frames)
    if function not in ABOVE_ZERO or len(low) < frames or window.level_left < PART:
        return None
    return (function, float(low.min())) if (-low > PART * (high - low)).all() else None
