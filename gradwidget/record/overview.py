"""What a history has joined into columns that will change no more, to be taken up elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
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
    """The step of the first frame behind the last column."""
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
