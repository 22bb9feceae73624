"""Where two runs differ, as text."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gradwidget.report.finding_line import finding_line
from gradwidget.report.shown_rows import MOST_ROWS
from gradwidget.report.text import WIDTH, summary_line
from gradwidget.terminal.report_text import headline_of
from gradwidget.wording import cut, shown, visible

if TYPE_CHECKING:
    from gradwidget.diagnose.finding import Finding
    from gradwidget.run.run import Run

SERIES = {"loss": "loss", "total_grad_norm": "gradient norm"}
"""What is compared step by step."""

NOISE = 4.0
"""Times its own usual change from step to step that a series must be away from the other one."""
IN_A_ROW = 3
"""Rows for which it must stay away: one batch may be odd."""
NEIGHBORS = 25
"""Rows around a step that its usual change is taken from."""


def compare(before: Run, after: Run, *, full: bool) -> str:
    """What went and what came, since when the runs differ, and the gradients by layer.

    Args:
        before: a run.
        after: another one; layers are paired by name.
        full: all layers, not only those that differ most.
    """
    parts = [
        "\n".join([*_run("before", before), *_run("after", after)]),
        "\n".join(_findings(before.findings, after.findings)),
        "\n".join(_since(before, after)),
        "\n".join(_layers(before, after, full=full)),
    ]
    return "\n\n".join(parts)


def _wrapped(text: str, first: str = "", rest: str = "  ") -> list[str]:
    return textwrap.wrap(visible(text), WIDTH, initial_indent=first, subsequent_indent=rest)


def _run(word: str, run: Run) -> list[str]:
    lines = _wrapped(f"{word:7}{run.path.name} · {run.model_class}: {headline_of(run)}")
    return [*lines, *_wrapped(summary_line(run.history), "       ", "       ")]


def _findings(before: Sequence[Finding], after: Sequence[Finding]) -> list[str]:
    """The active findings that are in one run alone, and how many are in both."""
    had, has = ({one.symptom: one for one in found if one.active} for found in (before, after))
    lines = []
    for word, found, other in (("gone: ", had, has), ("new:  ", has, had)):
        for symptom, finding in found.items():
            if symptom not in other:
                lines += _wrapped(finding_line(finding), f"  {word}", "        ")
    both = [has[symptom].title for symptom in had if symptom in has]
    if both:
        lines += _wrapped(", ".join(both), "  both: ", "        ")
    return ["Findings", *(lines or ["  none in either run"])]


def _since(before: Run, after: Run) -> list[str]:
    if not np.isin(before.history.steps, after.history.steps).any():
        return ["Steps", "  the runs have no step in common"]
    lines = ["Steps"]
    for name, title in SERIES.items():
        here, one = before.history.series(name)
        there, other = after.history.series(name)
        steps, mine, its = np.intersect1d(here, there, assume_unique=True, return_indices=True)
        if steps.size:
            first, beyond = differ(one[mine], other[its])
            words = (
                "equal at every step" if first is None else f"differs from step {steps[first]:,}"
            )
            if first is not None:
                words += (
                    ", never by more than it varies from step to step"
                    if beyond is None
                    else f", by more than it varies from step to step from {steps[beyond]:,}"
                )
            lines += _wrapped(f"{title} {words}", "  ", "    ")
    return lines


def newest_gradients(run: Run) -> dict[str, float]:
    """The newest RMS of the gradient of each layer, by its name."""
    history = run.history
    names = (layer.name for layer in history.layers)
    return dict(zip(names, history.newest("grad_rms").tolist(), strict=True))


def differ(one: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[int | None, int | None]:
    """Where two series first differ, and where first by more than their noise.

    The noise at a row is the median change from row to row around it, of the series that changes
    more. Only rows count at which both were measured; a NaN is a value, equal to itself.

    Args:
        one: float64 [rows].
        other: float64 [rows].

    Example:
        >>> differ(np.zeros(9), np.array([0.0] * 4 + [1.0] * 5))
        (4, 4)
        >>> differ(np.zeros(9), np.zeros(9))
        (None, None)
    """
    with np.errstate(all="ignore"):
        apart = np.abs(one - other)
    # Infinities and NaNs of one series alone are a difference larger than any noise.
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    apart = np.where(same, 0.0, np.where(np.isnan(apart), np.inf, apart))
    first = np.flatnonzero(apart)
    noise = np.maximum(_usual_change(one), _usual_change(other))
    is_beyond = (apart > NOISE * noise) & ~same
    stays = np.flatnonzero(
        np.convolve(is_beyond, np.ones(IN_A_ROW), "full")[IN_A_ROW - 1 :] >= IN_A_ROW
    )
    return (int(first[0]) if first.size else None, int(stays[0]) if stays.size else None)


def _usual_change(series: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 [rows]: the median change from row to row around each row."""
    with np.errstate(all="ignore"):
        change = np.abs(np.diff(series))
    change[~np.isfinite(change)] = 0.0
    rows = range(len(series))
    return np.array(
        [
            np.median(change[max(0, row - NEIGHBORS) : row + NEIGHBORS]) if change.size else 0.0
            for row in rows
        ]
    )


def _layers(before: Run, after: Run, *, full: bool) -> list[str]:
    """The newest gradient of each layer in both runs, those that differ most first."""
    had, has = newest_gradients(before), newest_gradients(after)
    rows = [(name, had[name], has[name]) for name in had if name in has]
    most = len(rows) if full else MOST_ROWS
    listed = sorted(range(len(rows)), key=lambda place: -_factor(*rows[place][1:]))[:most]
    width = min(50, max((len(visible(rows[place][0])) for place in listed), default=5))
    lines = ["Gradient RMS", f"{'layer':{width}}  {'before':>9}  {'after':>9}"]
    for place in listed if not full else range(len(rows)):
        name, one, other = rows[place]
        label = cut(visible(name), width)
        values = f"{_value(one):>9}  {_value(other):>9}"
        lines.append(f"{label:{width}}  {values}  {_times(one, other)}".rstrip())
    if len(rows) > most:
        lines.append(f"and {len(rows) - most} more that differ less")
    for word, names in (
        ("only before", [name for name in had if name not in has]),
        ("only after", [name for name in has if name not in had]),
    ):
        if names:
            rest = f" and {len(names) - 10} more" if len(names) > 10 else ""
            lines += _wrapped(f"{word}: {', '.join(names[:10])}{rest}")
    return lines


def _factor(one: float, other: float) -> float:
    """How many times apart two sizes are, from 1 on; 0 where one is missing."""
    if np.isnan(one) or np.isnan(other):
        return 0.0
    if one == other:
        return 1.0
    low, high = sorted((abs(one), abs(other)))
    return high / low if low > 0 else np.inf


def _value(value: float) -> str:
    return "–" if np.isnan(value) else shown(value)


def _times(one: float, other: float) -> str:
    factor = _factor(one, other)
    if not 1.005 < factor < np.inf:
        return ""
    return f"{'×' if other > one else '÷'} {shown(factor)}"
