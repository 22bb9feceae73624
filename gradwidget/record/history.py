"""The frames of a run in bounded memory: fine for the recent past, coarser further back."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gradwidget.frame import BoolArray, FloatArray, Frame, Layer
from gradwidget.metrics import METRICS
from gradwidget.record.capacity import COARSE, FINE, FOLD, START, Room, room_for
from gradwidget.record.losses import Losses
from gradwidget.record.metric_history import MetricHistory
from gradwidget.record.overview import Overview

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]  # ships no type information

LOOK_BACK = 64
"""Newest frames among which the latest value of a layer is looked for.

A sampled run measures layers in turn. These frames, or fewer where layers are many, are also kept
as they came, for what is not a metric: origins, reasons, recurrent profiles.
"""

RECENT = FINE - FOLD
"""Newest frames, 512, that surely have a column each, where layers are not too many (``kept``)."""


class History:
    """What was measured, one column per step; older steps share a column.

    The newest 512 to 640 frames have a column each. Older ones are merged, ever more to a column as
    the run grows, so that about 1,200 columns hold any number of steps. A column keeps the lowest,
    the mean and the highest value of its steps, so a spike is never averaged away.

    All of it takes at most 64 MiB up to 10,000 layers: beyond 200 layers there are fewer columns.

    Example:
        >>> history = History()
        >>> layers = (Layer("head", "Linear", {"weight": (2, 2)}),)
        >>> history.append(Frame(0, layers, {"grad_rms": np.float32([0.5])}))
        >>> history["grad_rms"], history.steps
        (array([[0.5]], dtype=float32), array([0]))
    """

    def __init__(self) -> None:
        self.losses = Losses()
        """The loss of every step of which it is known, those between the frames too."""
        self._layers: tuple[Layer, ...] = ()
        self._metrics: dict[str, MetricHistory] = {}
        self._scalars: dict[str, MetricHistory] = {}
        self._room = room_for(0)
        self._skipped = MetricHistory(1, np.float32, self._room, coarse=0, fine=0, start=0)
        self._fine_steps = np.empty(FINE, np.int64)
        self._coarse_steps = np.empty(COARSE, np.int64)
        self._coarse_frames = np.empty(COARSE, np.int64)
        self._fine = 0
        self._coarse = 0
        self._stride = 1
        self._open_frames = 0
        self._version = 0
        self._first_step: int | None = None
        self._newest: deque[Frame] = deque()

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
        """Bytes that the values take: all columns once they are in use, and the newest frames."""
        whole = sum(
            values.nbytes
            for frame in self._newest
            for values in (*frame.metrics.values(), *frame.measured.values())
        )
        return sum(history.nbytes for history in self._all_histories()) + whole

    @property
    def kept(self) -> int:
        """Newest frames that are sure to be there one by one: 512, fewer for many layers."""
        return self._room.kept

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
        """float32 [columns, layers] of a metric: the mean of each column's steps.

        NaN where nothing was measured, and where the run itself had a NaN (``measured`` tells
        which).

        Raises:
            KeyError: there is no metric of that name.
        """
        return self._whole(self._history_of(metric), "mean")

    def __contains__(self, metric: str) -> bool:
        """Whether the metric was ever measured."""
        return metric in self._metrics

    def low(self, metric: str) -> FloatArray:
        """float32 [columns, layers]: the lowest value of each column.

        NaN is ignored where there are other values.
        """
        return self._whole(self._history_of(metric), "low")

    def high(self, metric: str) -> FloatArray:
        """float32 [columns, layers]: the highest value of each column.

        NaN is ignored where there are other values.
        """
        return self._whole(self._history_of(metric), "high")

    def measured(self, metric: str) -> BoolArray:
        """Bool [columns, layers]: whether the metric was measured at any step of the column."""
        history = self._history_of(metric)
        if history is None:
            return np.zeros((self._coarse + self._fine, len(self._layers)), np.bool_)
        return self._was_measured(history)

    @property
    def scalars(self) -> Mapping[str, NDArray[np.float64]]:
        """float64 [columns] by name: ``loss``, ``total_grad_norm``, ``lr`` …; else NaN."""
        return {name: self._whole(history, "mean")[:, 0] for name, history in self._scalars.items()}

    @property
    def scalars_measured(self) -> Mapping[str, BoolArray]:
        """Bool [columns] by name: whether a scalar was measured at any step, be it as NaN."""
        return {name: self._was_measured(history)[:, 0] for name, history in self._scalars.items()}

    def series(self, scalar: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Steps and values of a scalar over the whole run; empty where it was never measured.

        Of the loss those of all steps of which it is known, of others one for each column.
        """
        if scalar == "loss" and self.losses.version:
            return self.losses.steps, self.losses.means
        if scalar not in self._scalars:
            return np.empty(0, np.int64), np.empty(0)
        return self.steps, self._whole(self._scalars[scalar], "mean")[:, 0]

    def recent(self, metric: str, n: int) -> FloatArray:
        """float32 [<=n, layers]: the newest frames one by one, oldest first.

        A view, valid until the next append. At least the last ``kept`` frames can be had. NaN where
        not measured.
        """
        history = self._history_of(metric)
        rows = min(n, self._fine)
        if history is None:
            return np.full((rows, len(self._layers)), np.nan, np.float32)
        return history.fine[self._fine - rows : self._fine]

    def newest(self, metric: str) -> FloatArray:
        """float32 [layers]: each layer's newest value, of the last ``LOOK_BACK`` frames.

        NaN where there is none.
        """
        rows = self.recent(metric, LOOK_BACK)[::-1]
        if not len(rows):
            return np.full(len(self._layers), np.nan, np.float32)
        first_known = np.argmax(~np.isnan(rows), axis=0)
        found: FloatArray = np.take_along_axis(rows, first_known[np.newaxis], axis=0)[0]
        return found

    def recent_scalar(self, name: str, n: int) -> NDArray[np.float64]:
        """float64 [<=n]: the newest values of a scalar one by one, oldest first.

        A view, valid until the next append. NaN where not measured.
        """
        rows = min(n, self._fine)
        if name not in self._scalars:
            return np.full(rows, np.nan)
        return self._scalars[name].fine[self._fine - rows : self._fine, 0]

    def recent_steps(self, n: int) -> NDArray[np.int64]:
        """int64 [<=n]: the steps of the newest frames, oldest first."""
        return self._fine_steps[self._fine - min(n, self._fine) : self._fine]

    def recent_frames(self, n: int) -> list[Frame]:
        """The newest frames as they came, oldest first; at most 64, fewer for many layers."""
        return list(self._newest)[-n:]

    def start(self, metric: str) -> FloatArray:
        """float32 [<=20, layers]: the first frames of the run one by one, kept for good."""
        history = self._history_of(metric)
        rows = min(START, self._version)
        if history is None:
            return np.full((rows, len(self._layers)), np.nan, np.float32)
        return history.start[:rows]

    def start_scalar(self, name: str) -> NDArray[np.float64]:
        """float64 [<=20]: the first values of a scalar one by one, kept for good."""
        rows = min(START, self._version)
        if name not in self._scalars:
            return np.full(rows, np.nan)
        return self._scalars[name].start[:rows, 0]

    def to_pandas(self) -> pd.DataFrame:
        """A table with one row per column of this history, indexed by step.

        Its columns are pairs: (metric, layer) for the metrics seen, ("scalar", name) for the
        scalars of a whole step.

        Raises:
            ImportError: pandas is not installed.
        """
        import pandas as pd  # noqa: PLC0415 - nothing else needs it, so it stays optional

        table: dict[tuple[str, str], NDArray[Any]] = {
            ("scalar", name): row for name, row in self.scalars.items()
        }
        for metric in self._metrics:
            values = self[metric]
            table.update(
                {(metric, layer.name): values[:, i] for i, layer in enumerate(self._layers)}
            )
        return pd.DataFrame(table, index=pd.Index(self.steps, name="step"))

    # ---------------------------------------------------------------- writing

    def append(self, frame: Frame) -> None:
        """Adds the next frame.

        Its layers may be in another order than before, or be more or fewer: what is known is
        matched by name, and what is known of layers that are gone is dropped.

        Raises:
            ValueError: the frame's step does not come after the last one.
            KeyError: the frame has a metric that ``gradwidget.metrics`` does not list.
        """
        if self.last is not None and frame.step <= self.last.step:
            message = f"frames come in step order: step {frame.step} after step {self.last.step}"
            raise ValueError(message)
        if frame.layers is not self._layers:
            self._adopt(frame.layers)
        if self._fine == self._room.fine:
            self._fold()
        self._know(frame.metrics, frame.scalars)
        self._write(frame)
        newest = deque([*self._newest, frame], maxlen=self._room.whole)
        # No call from here on: an interrupt comes before all of it or after, never between.
        self._first_step = frame.step if self._first_step is None else self._first_step
        self._newest = newest
        self._fine += 1
        self._version += 1

    # ---------------------------------------------------------------- handed over, taken up

    def overview(self, since: int = 0) -> Overview | None:
        """The joined columns after ``since`` frames that change no more; None without any.

        All such columns where none begins there: they have been joined since.
        """
        is_open = self._room.fold < self._stride and 0 < self._open_frames < self._stride
        end = self._coarse - is_open
        ends = np.cumsum(self._coarse_frames[:end])
        begin = int(np.searchsorted(ends, since, "right")) if since in ends else 0
        if self._first_step is None or begin == end:
            return None
        columns, start = slice(begin, end), 0 if begin else min(START, self._version)
        return Overview(
            self._layers,
            self._first_step,
            since if begin else 0,
            int(self.steps[end]),
            self._stride,
            self._coarse_steps[columns].copy(),
            self._coarse_frames[columns].copy(),
            {name: history.summaries(columns, start) for name, history in self._metrics.items()},
            {name: history.summaries(columns, start) for name, history in self._scalars.items()},
            self._skipped.summaries(columns, 0),
            self.losses.columns(),
        )

    def take_up(self, overview: Overview) -> None:
        """Adds the columns of an overview, as if the frames that it stands for had been appended.

        What is appended next is the frame of ``next_step``.

        Raises:
            ValueError: it does not continue what is there.
            KeyError: it has a metric that ``gradwidget.metrics`` does not list.
        """
        if self._fine or overview.since != self._version:
            message = "the overview does not continue what is there"
            raise ValueError(message)
        if not self._version:
            self._adopt(overview.layers)
            self._first_step, self._stride = overview.first_step, overview.stride
        while self._stride < overview.stride:
            self._halve()
        into = slice(self._coarse, self._coarse + len(overview.steps))
        if into.stop > self._room.coarse:
            message = "the overview has more columns than there is room for"
            raise ValueError(message)
        self._know(overview.metrics, overview.scalars)
        for known, given in ((self._metrics, overview.metrics), (self._scalars, overview.scalars)):
            for name, history in known.items():
                history.take_up(into, given.get(name))
        self._skipped.take_up(into, overview.skipped)
        self._coarse_steps[into], self._coarse_frames[into] = overview.steps, overview.frames
        self._coarse = into.stop
        self._open_frames = 0
        self._version = overview.covered
        self.losses.take_up(overview.losses)

    def _know(self, metrics: Mapping[str, object], scalars: Mapping[str, object]) -> None:
        """Makes room for those that were never measured before."""
        for name in metrics.keys() - self._metrics.keys():
            if name not in METRICS:
                raise KeyError(name)
            self._metrics[name] = self._new_history(len(self._layers), np.float32, self._room)
        for name in scalars.keys() - self._scalars.keys():
            self._scalars[name] = self._new_history(1, np.float64, room_for(1))

    def _write(self, frame: Frame) -> None:
        """Fills the next free row; it counts once ``append`` says so."""
        row = self._fine
        for name, history in self._metrics.items():
            is_known = frame.measured.get(name, np.True_) if name in frame.metrics else np.False_
            history.put(row, frame.metrics.get(name, np.nan), is_known)
        for name, history in self._scalars.items():
            history.put(row, frame.scalars.get(name, np.nan), np.bool_(name in frame.scalars))
        self._skipped.put(row, float(frame.skipped), np.bool_(True))  # noqa: FBT003 - numpy's own constructor
        if self._version < START:
            for history in (*self._metrics.values(), *self._scalars.values()):
                history.start[self._version] = history.fine[row]
        self._fine_steps[row] = frame.step

    def _new_history(self, width: int, dtype: type[np.floating], room: Room) -> MetricHistory:
        start = min(START, self._version)
        return MetricHistory(width, dtype, room, coarse=self._coarse, fine=self._fine, start=start)

    def _adopt(self, layers: tuple[Layer, ...]) -> None:
        names = [layer.name for layer in layers]
        known = {layer.name: place for place, layer in enumerate(self._layers)}
        if names != list(known):
            source = np.array([known.get(name, -1) for name in names], np.int64)
            self._fit(room_for(len(layers)))
            sizes = {"coarse": self._coarse, "fine": self._fine, "start": min(START, self._version)}
            for metric, history in self._metrics.items():
                self._metrics[metric] = history.rearranged(source, self._room, **sizes)
        self._layers = layers

    def _fit(self, room: Room) -> None:
        """Makes what there is fit into the room for another number of layers."""
        self._room = room
        self._open_frames = 0
        while self._fine > room.fine:
            self._fold()
        while self._coarse > room.coarse:
            self._halve()

    def _fold(self) -> None:
        """Summarizes the oldest single columns; merges summaries in pairs first to make room."""
        fold = self._room.fold
        while self._coarse + max(1, fold // self._stride) > self._room.coarse:
            self._halve()
        columns = max(1, fold // self._stride)
        for history in self._all_histories():
            history.fold(fold, self._fine, self._coarse, columns)
        self._coarse_steps[self._coarse : self._coarse + columns] = self._fine_steps[
            : fold : fold // columns
        ]
        self._coarse_frames[self._coarse : self._coarse + columns] = fold // columns
        self._fine_steps[: self._fine - fold] = self._fine_steps[fold : self._fine]
        self._fine -= fold
        self._coarse += columns
        if self._stride > fold:
            self._join_newest()

    def _join_newest(self) -> None:
        """A summary of more frames than are folded at a time is filled little by little."""
        if 0 < self._open_frames < self._stride:
            both = self._coarse_frames[self._coarse - 2 : self._coarse]
            for history in self._all_histories():
                history.merge(self._coarse - 2, 1, both)
            self._coarse -= 1
            self._coarse_frames[self._coarse - 1] = both.sum()
            self._open_frames += self._room.fold
        else:
            self._open_frames = self._room.fold

    def _halve(self) -> None:
        pairs, single = divmod(self._coarse, 2)
        frames = self._coarse_frames[: 2 * pairs].copy()
        for history in self._all_histories():
            history.merge(0, pairs, frames)
            if single:
                history.move(2 * pairs, pairs)
        self._coarse_steps[:pairs] = self._coarse_steps[: 2 * pairs : 2].copy()
        self._coarse_frames[:pairs] = frames.reshape(pairs, 2).sum(axis=1)
        if single:
            self._coarse_steps[pairs] = self._coarse_steps[2 * pairs]
            self._coarse_frames[pairs] = self._coarse_frames[2 * pairs]
        self._coarse = pairs + single
        self._stride *= 2
        self._open_frames = 0

    def _all_histories(self) -> list[MetricHistory]:
        return [*self._metrics.values(), *self._scalars.values(), self._skipped]

    def _history_of(self, metric: str) -> MetricHistory | None:
        if metric not in METRICS:
            message = f"there is no metric {metric!r}; choose one of {', '.join(METRICS)}"
            raise KeyError(message)
        return self._metrics.get(metric)

    def _was_measured(self, history: MetricHistory) -> BoolArray:
        return np.concatenate(
            [history.coarse_measured[: self._coarse], history.fine_measured[: self._fine]]
        )

    def _whole(self, history: MetricHistory | None, part: str) -> NDArray[Any]:
        if history is None:
            return np.full((self._coarse + self._fine, len(self._layers)), np.nan, np.float32)
        summaries: NDArray[Any] = getattr(history, part)
        return np.concatenate([summaries[: self._coarse], history.fine[: self._fine]])
