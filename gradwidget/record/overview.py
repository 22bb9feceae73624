"""What a history has joined into columns that will change no more, to be taken up elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from gradwidget.frame import BoolArray, Layer


@dataclass(frozen=True, slots=True)
class Summaries:
    """Of one metric or scalar: arrays [columns, layers], a scalar being one layer."""

    low: NDArray[np.floating]
    mean: NDArray[np.floating]
    high: NDArray[np.floating]
    measured: BoolArray
    start: NDArray[np.floating]
    """Floats [<= 12, layers]: the first frames of the run; none where columns are added."""

    def piece(self, columns: slice) -> Summaries:
        """Some of its columns, without the first frames."""
        return Summaries(
            self.low[columns],
            self.mean[columns],
            self.high[columns],
            self.measured[columns],
            self.start[:0],
        )


@dataclass(frozen=True, slots=True)
class LossColumns:
    """All that ``Losses`` holds."""

    steps: NDArray[np.int64]
    means: NDArray[np.float64]
    firsts: NDArray[np.int64]
    version: int
    last_step: int
    longest: int


@dataclass(frozen=True, slots=True)
class Overview:
    """The older columns of a history, from its beginning or from where another overview ended."""

    layers: tuple[Layer, ...]
    first_step: int
    """Of the run."""
    since: int
    """Frames before the first column; 0 where the columns are all there are."""
    next_step: int
    """The step of the first frame after the last column."""
    stride: int
    """Frames that a full column stands for."""
    steps: NDArray[np.int64]
    """int64 [columns]: the first step of each."""
    frames: NDArray[np.int64]
    """int64 [columns]: how many frames each stands for."""
    metrics: Mapping[str, Summaries]
    scalars: Mapping[str, Summaries]
    skipped: Summaries
    losses: LossColumns

    @property
    def covered(self) -> int:
        """Frames up to the end of the last column."""
        return self.since + int(self.frames.sum())


def check_chain(overviews: Sequence[Overview], room: int) -> None:
    """Makes sure that each overview continues the one before it.

    Args:
        overviews: the first one from the beginning of a run.
        room: columns that a history of their layers has room for.

    Raises:
        ValueError: one does not, or they have more columns than that.
    """
    covered = columns = next_step = 0
    stride = overviews[0].stride
    for one in overviews:
        while stride < one.stride:
            columns, stride = (columns + 1) // 2, 2 * stride
        columns += len(one.steps)
        is_next = one.since == covered and one.steps[0] >= next_step
        if not is_next or one.layers is not overviews[0].layers or columns > room:
            message = "it does not continue the one before it"
            raise ValueError(message)
        covered, next_step = one.covered, one.next_step
