"""Runs recorded from hand-made frames, and how a run that was read is compared with its history."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gradwidget.diagnose.engine import Engine
from gradwidget.diagnose.thresholds import DEFAULT, Thresholds
from gradwidget.frame import Frame
from gradwidget.record.history import History
from gradwidget.run.news import News
from gradwidget.run.recorder import Recorder, run_data
from tests.support.frames import chain, frame, healthy

if TYPE_CHECKING:
    from gradwidget.problem import Problem
    from gradwidget.record.overview import Overview


class Recorded:
    """A run without a model: what a session does with each frame."""

    def __init__(
        self, path: Path, start_step: int = 0, thresholds: Thresholds = DEFAULT, model: str = "Net"
    ) -> None:
        self.history, self.engine = History(), Engine(thresholds)
        self.lock = threading.Lock()
        self.news = News()
        self.stopped: list[str] = []
        self.problems: list[Problem] = []
        self.recorder = Recorder(
            path,
            run_data(model, start_step, thresholds),
            news=lambda: self.news,
            stopped=self.stopped.append,
            charge=lambda _: None,
            overview=self._overview,
        )

    def take(self, frames: Iterable[Frame], *, judged: bool = True) -> Recorded:
        for one in frames:
            with self.lock:
                self.history.append(one)
                if "loss" in one.scalars:
                    self._add_losses([(one.step, one.scalars["loss"])])
            if judged:
                self.engine.update(self.history)
            self.recorder.add(one, self.engine.findings)
        return self

    def _overview(self, since: int) -> Overview | None:
        with self.lock:
            return self.history.overview(since)

    def take_losses(self, losses: Sequence[tuple[int, float]]) -> Recorded:
        """Those of steps without a frame."""
        with self.lock:
            self._add_losses(losses)
        return self

    def _add_losses(self, losses: Sequence[tuple[int, float]]) -> None:
        self.history.losses.extend(*zip(*losses, strict=True))
        self.recorder.add_losses(losses)

    def close(self) -> Recorded:
        self.recorder.close()
        return self


def steps(count: int, depth: int = 4, start: int = 0) -> list[Frame]:
    """Healthy steps whose loss falls."""
    layers = chain(depth)
    return [
        frame(step, layers, healthy(depth, scalars={"loss": 2.0 * 0.99**step}))
        for step in range(start, start + count)
    ]


def assert_same_history(read: History, live: History) -> None:
    """Every value bit for bit, a NaN being a NaN."""
    assert read.version == live.version
    assert [one.name for one in read.layers] == [one.name for one in live.layers]
    assert read.layers == live.layers
    np.testing.assert_array_equal(read.steps, live.steps)
    np.testing.assert_array_equal(read.skipped, live.skipped)
    assert set(read._metrics) == set(live._metrics)
    for metric in live._metrics:
        np.testing.assert_array_equal(read.measured(metric), live.measured(metric))
        for ours, theirs in (
            (read[metric], live[metric]),
            (read.low(metric), live.low(metric)),
            (read.high(metric), live.high(metric)),
            (read.start(metric), live.start(metric)),
        ):
            assert ours.dtype == theirs.dtype
            np.testing.assert_array_equal(ours, theirs)
    assert set(read.scalars) == set(live.scalars)
    for name, values in live.scalars.items():
        np.testing.assert_array_equal(read.scalars[name], values)
        np.testing.assert_array_equal(read.scalars_measured[name], live.scalars_measured[name])
    assert read.losses.version == live.losses.version
    np.testing.assert_array_equal(read.losses.steps, live.losses.steps)
    np.testing.assert_array_equal(read.losses.means, live.losses.means)
    for ours_, theirs_ in zip(read.recent_frames(64), live.recent_frames(64), strict=True):
        assert_same_frame(ours_, theirs_)


def assert_same_frame(read: Frame, live: Frame) -> None:
    """Everything in a frame."""
    for name in ("step", "layers", "skipped", "reasons", "origin", "wiring"):
        assert getattr(read, name) == getattr(live, name), name
    for mine, other in (
        (read.metrics, live.metrics),
        (read.measured, live.measured),
        (read.scalars, live.scalars),
    ):
        assert mine.keys() == other.keys()
        for name in mine:
            np.testing.assert_array_equal(mine[name], other[name])
    assert len(read.recurrent) == len(live.recurrent)
    for one, another in zip(read.recurrent, live.recurrent, strict=True):
        assert (one.layer, one.quantity, one.depth, one.reverse) == (
            another.layer,
            another.quantity,
            another.depth,
            another.reverse,
        )
        np.testing.assert_array_equal(one.norms, another.norms)
