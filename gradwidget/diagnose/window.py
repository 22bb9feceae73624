"""What the rules look at: the newest frames of a history, each figure computed once a frame for all rules."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gradwidget.diagnose.finding import Finding, Symptom
from gradwidget.diagnose.thresholds import DEFAULT, Thresholds
from gradwidget.frame import BoolArray, Frame, Layer
from gradwidget.record.history import History

Floats = NDArray[np.float64]

REACH = 64
"""Newest frames among which a layer's latest measured values are looked for; a sampled run measures layers in turn."""


PAST = 512
"""Newest frames in which the beginning of something is looked for."""


class Window:
    """The newest frames of a run, as the rules need them.

    Args:
        history: the run; at least one frame.
        limits: the bounds in force.
        active: the findings that are open, by symptom.

    Raises:
        ValueError: the history is empty.
    """

    def __init__(
        self, history: History, limits: Thresholds = DEFAULT, active: Mapping[Symptom, Finding] | None = None
    ) -> None:
        if history.last is None:
            message = "a window needs at least one frame"
            raise ValueError(message)
        self.history = history
        self.limits = limits
        self.active = active or {}
        self.frame: Frame = history.last
        self.step: int = history.last.step
        self._latest: dict[tuple[str, int], Floats] = {}
        self._medians: dict[str, Floats] = {}

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, input first."""
        return self.history.layers

    @cached_property
    def trainable(self) -> BoolArray:
        """Bool [layers]: whether the layer has a parameter that requires a gradient."""
        return np.array([layer.trainable for layer in self.layers], np.bool_)

    def latest(self, metric: str, n: int) -> Floats:
        """float64 [n, layers]: the newest ``n`` finite values of each layer, newest first, NaN where there are fewer.

        Each layer by itself, so the rows of layers that are measured in turn come from different steps.
        """
        key = (metric, n)
        if key not in self._latest:
            rows = self.history.recent(metric, REACH)[::-1].astype(np.float64)
            finite = np.isfinite(rows)
            if not finite[:n].all():
                order = np.argsort(~finite, axis=0, kind="stable")[:n]
                rows = np.where(np.take_along_axis(finite, order, 0), np.take_along_axis(rows, order, 0), np.nan)
            padded = np.full((n, len(self.layers)), np.nan)
            padded[: min(n, len(rows))] = rows[:n]
            self._latest[key] = padded
        return self._latest[key]

    def median(self, metric: str) -> Floats:
        """float64 [layers]: the median of each layer's latest values; NaN before there are enough to judge by."""
        if metric not in self._medians:
            self._medians[metric] = median(self.latest(metric, self.limits.window), least=self.enough)
        return self._medians[metric]

    def series(self, metric: str, layer: int) -> tuple[Floats, list[int]]:
        """A layer's finite values one by one, newest first, and the steps they were measured at."""
        rows = self.history.recent(metric, PAST)[::-1, layer].astype(np.float64)
        steps = self.history.recent_steps(PAST)[::-1]
        finite = np.isfinite(rows)
        return rows[finite], [int(step) for step in steps[finite]]

    def start(self, metric: str) -> Floats:
        """float64 [layers]: the median of each layer over the first steps of the run; NaN before there are enough."""
        return median(self.history.start(metric).astype(np.float64), least=self.enough)

    @cached_property
    def matrices(self) -> BoolArray:
        """Bool [layers]: whether the layer has a weight of two or more dimensions, every row of it in use."""
        return np.array(
            [any(len(s) > 1 for s in layer.shapes.values()) and "Embedding" not in layer.kind for layer in self.layers],
            np.bool_,
        )

    @cached_property
    def weight_scale(self) -> Floats:
        """float64 [layers]: the larger of the weights' norm at the start and the norm that preserves variance.

        The latter is that of entries with variance 1/fan-in (arXiv 1502.01852), so that a layer that starts at zero
        has a scale too.
        """
        rows = [sum(shape[0] for shape in layer.shapes.values() if shape) for layer in self.layers]
        first = self.history.start("weight_norm")[:1].astype(np.float64)
        start = first[0] if len(first) else np.full(len(self.layers), np.nan)
        scale: Floats = np.fmax(start, np.sqrt(np.array(rows, np.float64)))
        return scale

    @cached_property
    def moves(self) -> Floats:
        """float64 [layers]: the median change of a layer's weights at a step, over their scale."""
        return self.median("update_ratio") * self.median("weight_norm") / self.weight_scale

    @property
    def age(self) -> int:
        """Steps between the first frame and the newest."""
        return self.step - (self.history.first_step or 0)

    @property
    def enough(self) -> int:
        """How many values of a window must be there: more than half."""
        return self.limits.window // 2 + 1

    @cached_property
    def start_loss(self) -> float:
        """The median loss of the run's first steps; NaN where no loss is known."""
        return _middle(self.history.start_scalar("loss"))

    @cached_property
    def loss(self) -> float:
        """The median loss of the newest frames; NaN where no loss is known."""
        return _middle(self.history.recent_scalar("loss", self.limits.window))

    @property
    def loss_left(self) -> float:
        """How much of the loss at the start is left: 1 at the start, less as it falls (also below zero); may be NaN."""
        return 1 - (self.start_loss - self.loss) / abs(self.start_loss) if self.start_loss else float("nan")


def median(values: Floats, least: int = 1) -> Floats:
    """Median over the first axis, NaN passed over; NaN where there are fewer than ``least`` values.

    The lower one of two middle values. Several times faster than ``numpy.nanmedian``.
    """
    ordered = np.sort(values, axis=0)  # NaN sorts last
    count = np.sum(~np.isnan(values), axis=0)
    middle = np.maximum(count - 1, 0) // 2
    chosen = np.take_along_axis(ordered, middle[np.newaxis], 0)[0]
    return np.where(count >= least, chosen, np.nan)


def holding_since(steps: list[int], holds: NDArray[np.bool_]) -> int:
    """The oldest step of the unbroken evidence, given newest first; a single dissenting value is passed over."""
    since = steps[0]
    misses = 0
    for step, held in zip(steps, holds, strict=True):
        misses = 0 if held else misses + 1
        if misses > 1:
            break
        if held:
            since = step
    return since


def _middle(values: NDArray[np.float64]) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else float("nan")
