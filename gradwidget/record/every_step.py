"""The columns of a history, and between them the steps of which only the loss is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from gradwidget.frame import BoolArray


class EveryStep(NamedTuple):
    """Rows in the order of their steps."""

    steps: NDArray[np.int64]
    """int64 [rows]: the first step of each."""

    of_columns: NDArray[np.intp]
    """intp [columns]: the row of each column of the history."""

    loss: NDArray[np.float64]
    """float64 [rows]."""

    has_loss: BoolArray
    """Bool [rows]: whether the loss is known, be it as NaN."""

    def spread(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Floats [rows] of what each column of the history has; else NaN."""
        rows = np.full(len(self.steps), np.nan, values.dtype)
        rows[self.of_columns] = values
        return rows


def every_step(
    columns: NDArray[np.int64], steps: NDArray[np.int64], losses: NDArray[np.float64]
) -> EveryStep:
    """Puts losses between the columns of a history.

    Args:
        columns: int64 [columns]: the first steps of the columns, rising.
        steps: int64 [losses]: the first step that each loss covers, rising.
        losses: float64 [losses].

    Example:
        >>> rows = every_step(np.array([0, 4]), np.array([0, 2]), np.array([0.5, 0.25]))
        >>> rows.steps, rows.of_columns, rows.loss
        (array([0, 2, 4]), array([0, 2]), array([0.5 , 0.25,  nan]))
    """
    rows = np.union1d(columns, steps)
    loss, has_loss = np.full(len(rows), np.nan), np.zeros(len(rows), np.bool_)
    places = np.searchsorted(rows, steps)
    loss[places], has_loss[places] = losses, True
    return EveryStep(rows, np.searchsorted(rows, columns), loss, has_loss)
