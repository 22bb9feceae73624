"""What the page has not seen of a history, as arrays ready to travel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gradwidget.frame import BoolArray, FloatArray
from gradwidget.metrics import METRICS
from gradwidget.record.every_step import EveryStep, every_step
from gradwidget.record.history import History
from gradwidget.view.protocol.codec import Array

TICK_COLUMNS = 48
"""Sampled columns per tick at most: more could not be told apart before the next tick comes."""

WHOLE_FLOATS = 3_000_000
"""Numbers in a snapshot at most (12 MB), which bounds its columns where layers and metrics are
many."""


class Summary(NamedTuple):
    """One metric: for each column [m, layers] its lowest, mean and highest value."""

    low: FloatArray
    mean: FloatArray
    high: FloatArray


def newest(history: History, frames: int, losses: int = 0) -> list[Array]:
    """What is newest, column by column.

    Args:
        history: what was measured.
        frames: newest frames, at most ``history.kept``.
        losses: newest losses, at most ``KEPT`` of ``losses.py``.
    """
    steps = history.recent_steps(frames)
    scalars = {
        name: _told_apart(history.recent_scalar(name, frames), measured[-frames:])
        for name, measured in (history.scalars_measured.items() if frames else ())
    }
    metrics = {name: history.recent(name, frames) for name in METRICS}
    summaries = {name: Summary(values, values, values) for name, values in metrics.items()}
    rows = every_step(steps, *history.losses.recent(losses))
    return list(_arrays(steps, rows, scalars, summaries, TICK_COLUMNS))


def whole(history: History, most: int | None = None) -> list[Array]:
    """The whole history; the newest column is always a single step.

    Args:
        history: what was measured.
        most: sampled columns at most; by default as many as ``WHOLE_FLOATS`` allows.
    """
    summaries = {
        name: Summary(history.low(name), history[name], history.high(name)) for name in METRICS
    }
    measured = sum(not np.isnan(summary.mean).all() for summary in summaries.values())
    was_measured = history.scalars_measured
    scalars = {
        name: _told_apart(values, was_measured[name]) for name, values in history.scalars.items()
    }
    if most is None:
        most = WHOLE_FLOATS // max(1, 3 * measured * len(history.layers))
    rows = every_step(history.steps, history.losses.steps, history.losses.means)
    return list(_arrays(history.steps, rows, scalars, summaries, max(most, TICK_COLUMNS)))


def _told_apart(values: NDArray[np.float64], measured: BoolArray) -> NDArray[np.float64]:
    """A value that was NaN travels as an infinity: NaN says that there was none."""
    return np.where(measured & np.isnan(values), np.inf, values)


def _arrays(
    steps: NDArray[np.int64],
    rows: EveryStep,
    scalars: Mapping[str, NDArray[np.float64]],
    summaries: dict[str, Summary],
    columns: int,
) -> Iterator[Array]:
    yield Array("steps", "", rows.steps.astype(np.float64))
    has_losses = rows.has_loss.any()
    if has_losses:
        yield Array("scalar", "loss", _told_apart(rows.loss, rows.has_loss).astype(np.float32))
    for name, values in scalars.items():
        # Means over sampled steps, among those over all steps, would make a line jump.
        if name != "loss" or not has_losses:
            yield Array("scalar", name, rows.spread(values).astype(np.float32))
    seen = {name: _any_value(summary.mean) for name, summary in summaries.items()}
    sampled = np.flatnonzero(np.logical_or.reduce(list(seen.values())))
    if not len(sampled):
        return
    # The newest column is what the bars show: it is joined with none.
    before = len(sampled) - 1
    edges = np.linspace(0, before, min(columns - 1, before), endpoint=False).astype(np.int64)
    edges = np.append(np.unique(edges), before)
    yield Array("sampled", "", steps[sampled[edges]].astype(np.float64))
    for name, summary in summaries.items():
        if not seen[name].any():
            continue
        low, mean, high = _condensed(Summary(*(part[sampled] for part in summary)), edges)
        yield Array("value", name, mean)
        if not np.array_equal(low, high, equal_nan=True):
            yield Array("low", name, low)
            yield Array("high", name, high)


def _any_value(values: FloatArray) -> BoolArray:
    found: BoolArray = np.any(~np.isnan(values), axis=1)
    return found


def _condensed(summary: Summary, edges: NDArray[np.int64]) -> Summary:
    """Joins the columns from one edge to the next; missing values are ignored where others are."""
    if len(edges) == len(summary.mean):
        return summary
    known = ~np.isnan(summary.mean)
    counts = np.add.reduceat(known, edges, dtype=np.int64)
    totals = np.add.reduceat(np.where(known, summary.mean, 0), edges)
    # 0 / 0 is how a column in which nothing was measured becomes NaN.
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = totals / counts
    low: FloatArray = np.fmin.reduceat(summary.low, edges)
    high: FloatArray = np.fmax.reduceat(summary.high, edges)
    return Summary(low, mean.astype(np.float32), high)
