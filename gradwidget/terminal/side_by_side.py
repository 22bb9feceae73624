"""Two runs side by side: what a notebook shows, and a terminal prints."""

from __future__ import annotations

import os
from html import escape

import numpy as np
from numpy.typing import NDArray

from gradwidget.report.text import summary_line
from gradwidget.run.run import Run, open_run
from gradwidget.terminal.compare import compare as compare_text
from gradwidget.terminal.compare import differ, newest_gradients
from gradwidget.wording import cut, shown, visible

MOST_ROWS = 60
"""Layers drawn at most: those that differ most."""
CURVE = 400
"""Points of a curve at most."""

BEFORE, AFTER = "#8a939d", "#1f5fa8"
NAMES, BARS, VALUES, LOSS, END = 12, 200, 460, 590, 960
TOP, ROW, FOOT = 44, 22, 22
LONGEST_NAME = 28
FONTS = "'Helvetica Neue',Arial,'Liberation Sans','DejaVu Sans',sans-serif"

Series = tuple[NDArray[np.int64], NDArray[np.float64]]


def compare(
    before: Run | str | os.PathLike[str], after: Run | str | os.PathLike[str]
) -> Comparison:
    """Compares two recorded runs: before and after a fix, two seeds, two ranks.

    In a notebook it is a picture, printed it is text. Layers are paired by name.

    Args:
        before: a run, or the path of its file.
        after: another one.

    Raises:
        OSError: a file cannot be read.
        RunFileError: a file is no run.
    """
    runs = (one if isinstance(one, Run) else open_run(one) for one in (before, after))
    return Comparison(*runs)


class Comparison:
    """Two runs side by side; made by ``compare``."""

    def __init__(self, before: Run, after: Run) -> None:
        self.before = before
        self.after = after

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return compare_text(self.before, self.after, full=False)

    def _repr_html_(self) -> str:
        return f"<div>{self.to_svg()}<pre>{escape(str(self))}</pre></div>"

    def to_svg(self) -> str:
        """The newest gradient of each layer in both runs, and their losses over the steps."""
        with self.before.lock, self.after.lock, np.errstate(all="ignore"):
            rows = _rows(self.before, self.after)
            height = TOP + ROW * max(6, len(rows)) + FOOT
            parts = [
                '<rect width="100%" height="100%" rx="6" fill="#fff"/>',
                *_legend(self.before, BEFORE, "before", 0),
                *_legend(self.after, AFTER, "after", 1),
                *_bars(rows),
                *_losses(
                    self.before.history.series("loss"),
                    self.after.history.series("loss"),
                    height - FOOT,
                ),
            ]
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {END + 12} {height}" '
            f'width="{END + 12}" height="{height}" font-family="{FONTS}" font-size="11">'
            f"{''.join(parts)}</svg>"
        )


def _rows(before: Run, after: Run) -> list[tuple[str, float, float]]:
    """Name and both values of each layer, in the order in which they run."""
    had, has = newest_gradients(before), newest_gradients(after)
    rows = [(name, had.get(name, np.nan), has.get(name, np.nan)) for name in {**has, **had}]
    if len(rows) <= MOST_ROWS:
        return rows
    apart = [abs(_decades(two) - _decades(one)) for _, one, two in rows]
    largest = np.argsort(-np.nan_to_num(apart), kind="stable")[:MOST_ROWS]
    return [rows[place] for place in sorted(largest.tolist())]


def _decades(value: float) -> float:
    return float(np.log10(value)) if 0 < value < np.inf else np.nan


def _legend(run: Run, color: str, word: str, line: int) -> list[str]:
    y = 14 + 14 * line
    text = visible(f"{word}: {run.path.name} · {summary_line(run.history)}")
    return [
        f'<rect x="{NAMES}" y="{y - 8}" width="10" height="8" fill="{color}"/>',
        _text(NAMES + 16, y, cut(text, 150)),
    ]


def _bars(rows: list[tuple[str, float, float]]) -> list[str]:
    decades = np.array([[_decades(one), _decades(two)] for _, one, two in rows])
    known = decades[np.isfinite(decades)]
    low, high = (known.min() - 0.5, known.max()) if known.size else (-1.0, 0.0)
    parts = [_text(BARS, TOP - 4, "gradient RMS (log)")]
    for number, ((name, *values), places) in enumerate(zip(rows, decades, strict=True)):
        y = TOP + ROW * number
        parts.append(_text(NAMES, y + 14, cut(visible(name), LONGEST_NAME)))
        for line, (place, color) in enumerate(zip(places, (BEFORE, AFTER), strict=True)):
            share = 0.0 if np.isnan(place) else (place - low) / max(high - low, 0.5)
            width = share * (VALUES - BARS)
            parts.append(
                f'<rect x="{BARS}" y="{y + 3 + 8 * line}" width="{width:.1f}" height="7" '
                f'fill="{color}"/>'
            )
        words = " → ".join("–" if np.isnan(one) else shown(one) for one in values)
        parts.append(_text(VALUES + 8, y + 14, words))
    return parts


def _losses(before: Series, after: Series, bottom: int) -> list[str]:
    both = [(steps[np.isfinite(loss)], loss[np.isfinite(loss)]) for steps, loss in (before, after)]
    drawn = [one for one in both if one[0].size]
    if not drawn:
        return []
    first, last = (
        float(np.concatenate([steps for steps, _ in drawn]).min()),
        float(np.concatenate([steps for steps, _ in drawn]).max()),
    )
    low, high = (
        float(np.concatenate([loss for _, loss in drawn]).min()),
        float(np.concatenate([loss for _, loss in drawn]).max()),
    )

    def across(steps: NDArray[np.int64]) -> NDArray[np.floating]:
        return LOSS + (steps - first) / max(1.0, last - first) * (END - LOSS)

    parts = [
        _text(LOSS, TOP - 4, f"loss, from {shown(low)} to {shown(high)}"),
        _text(LOSS, bottom + 14, f"step {int(first):,}"),
        _text(END, bottom + 14, f"{int(last):,}", "end"),
    ]
    for (steps, loss), color in zip(both, (BEFORE, AFTER), strict=True):
        if steps.size:
            places = np.unique(np.linspace(0, len(steps) - 1, CURVE).astype(int))
            down = bottom - (loss[places] - low) / max(high - low, 1e-30) * (bottom - TOP)
            points = " ".join(
                f"{x:.0f},{y:.0f}" for x, y in zip(across(steps[places]), down, strict=True)
            )
            parts.append(f'<polyline points="{points}" fill="none" stroke="{color}"/>')
    steps, mine, its = np.intersect1d(before[0], after[0], assume_unique=True, return_indices=True)
    beyond = differ(before[1][mine], after[1][its])[1] if steps.size else None
    if beyond is not None:
        x = across(steps[beyond : beyond + 1])[0]
        parts.append(
            f'<path d="M{x:.0f} {TOP}V{bottom}" stroke="#3c4148" stroke-dasharray="3 3"/>'
            f"{_text(x + 4, TOP + 10, f'they differ from step {steps[beyond]:,}')}"
        )
    return parts


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{x:g}" y="{y:g}" fill="#3c4148"{where}>{escape(text)}</text>'
