"""How far the outputs of a regression are from their targets, without a look at the targets."""

from __future__ import annotations

import math

import numpy as np

from gradwidget.diagnose.evidence.window import Window, middle

ABSOLUTE = frozenset({"l1_loss", "smooth_l1_loss", "huber_loss", "abs"})
SQUARED = frozenset({"mse_loss", "pow"})
AROUND = frozenset({"mean", "sum", "sub", "rsub", "mul", "div"})
"""Operations of the same sums as they are written by hand."""


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
