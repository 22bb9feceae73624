"""The frames of a run in step order, bounded in memory: fine for the recent past, coarser further
back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradwidget.frame import BoolArray, FloatArray, Frame, Layer
from gradwidget.metrics import METRICS
from gradwidget.record.track import COARSE, FINE, FOLD, START, Track

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]  # ships no type information

LOOK_BACK = 64
"""Newest frames among which the latest value of a layer is looked for.

A sampled run measures layers in turn. These frames are also kept as they came, for what is not a
metric: origins, reasons, recurrent profiles.
"""

RECENT = FINE - FOLD
"""Newest frames, 512, that surely have a column each."""


class History:
    """What was measured, a column a step; older steps share a column that keeps their lowest, mean
    and highest value.

    The newest 512 to 640 frames have a column each. Older ones are merged, ever more to a column as
    the run grows, so that about 1,500 columns hold any number of steps and a spike is never
    averaged away.

    Example:
        >>> history = History()
        >>> history.append(Frame(0, (Layer("head", "Linear", {"weight": (2, 2)}),), {"grad_rms": np.float32([0.5])}))
        >>> history["grad_rms"], history.steps
        (array([[0.5]], dtype=float32), array([0]))
    """

    def __init__(self) -> None:
        self._layers: tuple[Layer, ...] = ()
        self._tracks: dict[str, Track] = {}
        self._scalars: dict[str, Track] = {}
        self._skipped = Track(1, np.float32, 0, 0, 0)
        self._fine_steps = np.empty(FINE, np.int64)
        self._coarse_steps = np.empty(COARSE, np.int64)
        self._fine = 0
        self._coarse = 0
        self._stride = 1
        self._open_frames = 0
        self._version = 0
        self._first_step: int | None = None
        self._newest: deque[Frame] = deque(maxlen=LOOK_BACK)

    # ---------------------------------------------------------------- reading

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers of the newest frame, input first; empty before the first frame."""
        return self._layers

    @property
    def version(self) -> int:
        """Number of frames appended so far; it rises with each."""
        return self._version

    @property
    def nbytes(self) -> int:
        """Bytes that the figures take: the columns once all are in use, and the newest frames kept
        whole.
        """
        whole = sum(
            values.nbytes
            for frame in self._newest
            for values in (*frame.metrics.values(), *frame.measured.values())
        )
        return sum(track.nbytes for track in self._all_tracks()) + whole

    @property
    def last(self) -> Frame | None:
        """The newest frame as it came; None before the first."""
        return self._newest[-1] if self._newest else None

    @property
    def first_step(self) -> int | None:
        """The step of the first frame; None before it."""
        return self._first_step

    @property
    def steps(self) -> NDArray[np.int64]:
        """int64 [columns]: the first step that each column covers."""
        return np.concatenate([self._coarse_steps[: self._coarse], self._fine_steps[: self._fine]])

    @property
    def skipped(self) -> BoolArray:
        """Bool [columns]: whether a gradient scaler skipped a step of the column."""
        return self._whole(self._skipped, "high")[:, 0] > 0

    def __getitem__(self, metric: str) -> FloatArray:
        """float32 [columns, layers] of a metric: the value of a single step, the mean of a column
        of several.

        NaN where nothing was measured, and where the run itself had a NaN (``measured`` tells
        which).

        Raises:
            KeyError: there is no metric of that name.
        """
        return self._whole(self._track(metric), "mean")

    def __contains__(self, metric: str) -> bool:
        """Whether the metric was ever measured."""
        return metric in self._tracks

    def low(self, metric: str) -> FloatArray:
        """float32 [columns, layers]: the lowest value of each column; NaN is passed over where
        there are others.
        """
        return self._whole(self._track(metric), "low")

    def high(self, metric: str) -> FloatArray:
        """float32 [columns, layers]: the highest value of each column; NaN is passed over where
        there are others.
        """
        return self._whole(self._track(metric), "high")

    def measured(self, metric: str) -> BoolArray:
        """Bool [columns, layers]: whether the metric was measured at any step of the column."""
        track = self._track(metric)
        if track is None:
            return np.zeros((self._coarse + self._fine, len(self._layers)), np.bool_)
        return self._was_measured(track)

    @property
    def scalars(self) -> Mapping[str, NDArray[np.float64]]:
        """float64 [columns] by name: ``loss``, ``total_grad_norm``, ``lr`` …; NaN where not
        measured.
        """
        return {name: self._whole(track, "mean")[:, 0] for name, track in self._scalars.items()}

    @property
    def scalars_measured(self) -> Mapping[str, BoolArray]:
        """Bool [columns] by name: whether a scalar was measured at any step of the column, be it as
        NaN.
        """
        return {name: self._was_measured(track)[:, 0] for name, track in self._scalars.items()}

    def recent(self, metric: str, n: int) -> FloatArray:
        """float32 [<=n, layers]: the newest frames one by one, oldest first; a view, valid until
        the next append.

        At least the last ``RECENT`` frames can be had. NaN where not measured.
        """
        track = self._track(metric)
        rows = min(n, self._fine)
        if track is None:
            return np.full((rows, len(self._layers)), np.nan, np.float32)
        return track.fine[self._fine - rows : self._fine]

    def recent_scalar(self, name: str, n: int) -> NDArray[np.float64]:
        """float64 [<=n]: the newest values of a scalar one by one, oldest first; a view, NaN where
        not measured.
        """
        rows = min(n, self._fine)
        if name not in self._scalars:
            return np.full(rows, np.nan)
        return self._scalars[name].fine[self._fine - rows : self._fine, 0]

    def recent_steps(self, n: int) -> NDArray[np.int64]:
        """int64 [<=n]: the steps of the newest frames, oldest first."""
        return self._fine_steps[self._fine - min(n, self._fine) : self._fine]

    def recent_frames(self, n: int) -> list[Frame]:
        """The newest frames as they came, oldest first; at most ``LOOK_BACK``."""
        return list(self._newest)[-n:]

    def start(self, metric: str) -> FloatArray:
        """float32 [<=20, layers]: the first frames of the run one by one, kept for good."""
        track = self._track(metric)
        rows = min(START, self._version)
        if track is None:
            return np.full((rows, len(self._layers)), np.nan, np.float32)
        return track.start[:rows]

    def start_scalar(self, name: str) -> NDArray[np.float64]:
        """float64 [<=20]: the first values of a scalar one by one, kept for good."""
        rows = min(START, self._version)
        if name not in self._scalars:
            return np.full(rows, np.nan)
        return self._scalars[name].start[:rows, 0]

    def to_pandas(self) -> pd.DataFrame:
        """A table with a row a column of this history, indexed by step.

        Its columns are pairs: (metric, layer) for the metrics seen, ("scalar", name) for the
            figures of a whole step.

        Raises:
            ImportError: pandas is not installed.
        """
        import pandas as pd  # noqa: PLC0415 - nothing else needs it, so it stays optional

        table: dict[tuple[str, str], NDArray[Any]] = {
            ("scalar", name): row for name, row in self.scalars.items()
        }
        for metric in self._tracks:
            values = self[metric]
            table.update(
                {(metric, layer.name): values[:, i] for i, layer in enumerate(self._layers)}
            )
        return pd.DataFrame(table, index=pd.Index(self.steps, name="step"))

    # ---------------------------------------------------------------- writing

    def append(self, frame: Frame) -> None:
        """Adds the next frame.

        Its layers may be in another order than before, or be more or fewer: what is known is
            matched by name, and
        what is known of layers that are gone is dropped.

        Raises:
            ValueError: the frame's step does not come after the last one.
            KeyError: the frame has a metric that ``gradwidget.metrics`` does not list.
        """
        if self.last is not None and frame.step <= self.last.step:
            message = f"frames come in step order: step {frame.step} after step {self.last.step}"
            raise ValueError(message)
        if frame.layers is not self._layers:
            self._adopt(frame.layers)
        if self._fine == FINE:
            self._fold()
        for name in frame.metrics.keys() - self._tracks.keys():
            if name not in METRICS:
                raise KeyError(name)
            self._tracks[name] = self._new_track(len(self._layers), np.float32)
        for name in frame.scalars.keys() - self._scalars.keys():
            self._scalars[name] = self._new_track(1, np.float64)
        self._write(frame)
        if self._first_step is None:
            self._first_step = frame.step
        self._newest.append(frame)
        self._version += 1

    def _write(self, frame: Frame) -> None:
        row = self._fine
        for name, track in self._tracks.items():
            track.put(row, frame.metrics.get(name, np.nan), frame.is_measured(name))
        for name, track in self._scalars.items():
            track.put(row, frame.scalars.get(name, np.nan), np.bool_(name in frame.scalars))
        self._skipped.put(row, float(frame.skipped), np.bool_(True))  # noqa: FBT003 - numpy's own constructor
        if self._version < START:
            for track in (*self._tracks.values(), *self._scalars.values()):
                track.start[self._version] = track.fine[row]
        self._fine_steps[row] = frame.step
        self._fine += 1

    def _new_track(self, width: int, dtype: type[np.floating]) -> Track:
        return Track(width, dtype, self._coarse, self._fine, min(START, self._version))

    def _adopt(self, layers: tuple[Layer, ...]) -> None:
        names = [layer.name for layer in layers]
        known = {layer.name: i for i, layer in enumerate(self._layers)}
        if names != list(known):
            source = np.array([known.get(name, -1) for name in names], np.int64)
            start = min(START, self._version)
            for metric, track in self._tracks.items():
                self._tracks[metric] = track.rearranged(source, self._coarse, self._fine, start)
        self._layers = layers

    def _fold(self) -> None:
        """Summarises the oldest single columns; where there is no room, merges the summaries in
        pairs first.
        """
        columns = max(1, FOLD // self._stride)
        if self._coarse + columns > COARSE:
            self._halve()
            columns = max(1, FOLD // self._stride)
        for track in self._all_tracks():
            track.fold(self._coarse, columns, self._fine)
        self._coarse_steps[self._coarse : self._coarse + columns] = self._fine_steps[
            : FOLD : FOLD // columns
        ]
        self._fine_steps[: self._fine - FOLD] = self._fine_steps[FOLD : self._fine]
        self._fine -= FOLD
        self._coarse += columns
        if self._stride > FOLD:
            self._join_newest()

    def _join_newest(self) -> None:
        """A summary of more frames than are folded at a time is filled little by little."""
        if 0 < self._open_frames < self._stride:
            for track in self._all_tracks():
                track.merge(self._coarse - 2, 1)
            self._coarse -= 1
            self._open_frames += FOLD
        else:
            self._open_frames = FOLD

    def _halve(self) -> None:
        pairs, single = divmod(self._coarse, 2)
        for track in self._all_tracks():
            track.merge(0, pairs)
            if single:
                track.move(2 * pairs, pairs)
        self._coarse_steps[:pairs] = self._coarse_steps[: 2 * pairs : 2].copy()
        if single:
            self._coarse_steps[pairs] = self._coarse_steps[2 * pairs]
        self._coarse = pairs + single
        self._stride *= 2
        self._open_frames = 0

    def _all_tracks(self) -> list[Track]:
        return [*self._tracks.values(), *self._scalars.values(), self._skipped]

    def _track(self, metric: str) -> Track | None:
        if metric not in METRICS:
            message = f"there is no metric {metric!r}; choose one of {', '.join(METRICS)}"
            raise KeyError(message)
        return self._tracks.get(metric)

    def _was_measured(self, track: Track) -> BoolArray:
        return np.concatenate(
            [track.coarse_measured[: self._coarse], track.fine_measured[: self._fine]]
        )

    def _whole(self, track: Track | None, part: str) -> NDArray[Any]:
        if track is None:
            return np.full((self._coarse + self._fine, len(self._layers)), np.nan, np.float32)
        summaries: NDArray[Any] = getattr(track, part)
        return np.concatenate([summaries[: self._coarse], track.fine[: self._fine]])
