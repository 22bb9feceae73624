"""The picture as one SVG: names, states, bars, heatmap and the loss over the steps."""

from __future__ import annotations

import math
import re
from base64 import b64encode
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from gradwidget.diagnose.finding import Finding
from gradwidget.diagnose.summary.layer_state import CALM, JUDGED, LayerState, leading
from gradwidget.diagnose.summary.state_look import LOOKS
from gradwidget.frame import Layer
from gradwidget.metrics import METRICS
from gradwidget.record.history import History
from gradwidget.report.shown_rows import shown_rows
from gradwidget.view.notebook.bar_color import bar_color
from gradwidget.view.notebook.heatmap_png import heatmap_png
from gradwidget.wording import SUPERSCRIPT, shown, visible

MOST_ROWS = 60
"""Layers at most: with more the picture would take more than 60 KB of the notebook."""

NAMES, STATES, BARS, VALUES, STEPS, END = 12, 190, 300, 500, 580, 900
"""Where the columns begin, in pixels."""
TOP, ROW, AXIS, LOSS, FOOT = 24, 16, 20, 48, 18
FONTS = "'Helvetica Neue',Arial,'Liberation Sans','DejaVu Sans',sans-serif"
"""By their names: programs for drawings and papers know no font of the system's own."""
LONGEST_NAME = 26
CURVE = 320
"""Points of the curve of the loss at most."""


def shown_metric(history: History, findings: Sequence[Finding]) -> str:
    """The metric that the leading active finding is about, else the size of the gradient."""
    for finding in findings:
        if not finding.active:
            continue
        for metric in JUDGED.get(finding.symptom, ()):
            if metric in history and METRICS[metric].scale in {"log", "share"}:
                return metric
        break
    return "grad_rms"


def static_picture(
    history: History, findings: Sequence[Finding], states: Sequence[LayerState]
) -> str:
    """An SVG of at most 60 layers, on white: it may stand in a page of any color.

    Args:
        history: what was measured, at least one frame.
        findings: as ``Engine.findings`` gives them.
        states: that of each layer.
    """
    metric = shown_metric(history, findings)
    log = METRICS[metric].scale == "log"
    places = shown_rows(states, MOST_ROWS)
    values = history.newest(metric).astype(np.float64)
    low, high = _ends(values, log=log)
    bottom = TOP + ROW * len(places)
    title = METRICS[metric].title
    parts = [
        f'<rect width="100%" height="100%" rx="6" fill="#fff"/>{_text(NAMES, 15, "input ↓ layer")}',
        _text(BARS, 15, f"{title} (log)" if log else title),
        _text(STEPS, 15, "over the steps"),
        *_axis(low, high, bottom, log=log),
    ]
    leads = leading(findings)
    for number, i in enumerate(places):
        y = TOP + ROW * number
        name = history.layers[i].name
        share = _share(values[i], low, high, log=log)
        parts += _row(y, _title(history.layers[i]), states[i])
        parts.append(_bar(y, share, bar_color(states[i], leads.get(name), metric)))
        if not math.isnan(values[i]):
            parts.append(_text(VALUES + 6, y + 12, shown(float(values[i]))))
    png = b64encode(heatmap_png(history, metric, places, END - STEPS, log=log)).decode()
    parts.append(
        f'<image x="{STEPS}" y="{TOP}" width="{END - STEPS}" height="{bottom - TOP}" '
        'preserveAspectRatio="none" style="image-rendering:pixelated" '
        f'href="data:image/png;base64,{png}"/>'
    )
    parts += _loss(history, bottom + AXIS)
    height = bottom + AXIS + LOSS + FOOT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {END + 12} {height}" '
        f'width="{END + 12}" height="{height}" font-family="{FONTS}" font-size="11">'
        f"{''.join(parts)}</svg>"
    )


def _title(layer: Layer) -> str:
    """As the page names it (derive/story/layer-title.ts): a mere number has the kind before it."""
    if not layer.is_module:
        return layer.name
    return re.sub(r"(^|\.)(\d+)$", rf"\1{layer.kind} \2", layer.name)


def _row(y: int, name: str, state: LayerState) -> list[str]:
    whole = visible(name)
    half = LONGEST_NAME // 2
    fitting = whole if len(whole) <= LONGEST_NAME else f"{whole[: half - 1]}…{whole[-half:]}"
    look = LOOKS[state]
    row = [_text(NAMES, y + 12, fitting)]
    if state not in CALM:
        mark = f'<tspan fill="{look.color_light}">{look.mark}</tspan> {escape(look.word)}'
        row.append(f'<text x="{STATES}" y="{y + 12}">{mark}</text>')
    return row


def _bar(y: int, share: float, color: str) -> str:
    width = share * (VALUES - BARS)
    return f'<rect x="{BARS}" y="{y + 2}" width="{width:.1f}" height="{ROW - 4}" fill="{color}"/>'


def _ends(values: NDArray[np.float64], *, log: bool) -> tuple[float, float]:
    if not log:
        return 0.0, 1.0
    positive = values[np.isfinite(values) & (values > 0)]
    if not positive.size:
        return -4.0, 0.0
    low, high = math.floor(math.log10(positive.min())) - 1, math.ceil(math.log10(positive.max()))
    return float(low), float(max(high, low + 1))


def _share(value: float, low: float, high: float, *, log: bool) -> float:
    if math.isnan(value) or value < 0 or (log and value == 0):
        return 0.0
    size = math.log10(value) if log and value < math.inf else value
    return min(1.0, max(0.0, (size - low) / (high - low)))


def _axis(low: float, high: float, bottom: int, *, log: bool) -> list[str]:
    stride = max(1, math.ceil((high - low) / 4)) if log else 0.5
    parts = []
    for tick in np.arange(low, high + 1e-9, stride):
        x = BARS + (VALUES - BARS) * (tick - low) / (high - low)
        label = f"10{str(int(tick)).translate(SUPERSCRIPT)}" if log else f"{tick:.0%}"
        parts.append(f'<path d="M{x:.1f} {TOP}V{bottom}" stroke="#ddd"/>')
        parts.append(_text(x, bottom + 13, label, "middle"))
    return parts


def _loss(history: History, top: int) -> list[str]:
    """The curve under the heatmap, what it ends with, and the steps at both ends."""
    steps = history.steps
    parts = [
        _text(STEPS, top + LOSS + 13, f"step {steps[0]:,}"),
        _text(END, top + LOSS + 13, f"{history.last.step:,}" if history.last else "", "end"),
    ]
    first, last = steps[0], steps[-1]
    steps, loss = history.series("loss")
    if not np.isfinite(loss).any():
        return parts
    known = np.flatnonzero(np.isfinite(loss))
    known = known[np.unique(np.linspace(0, len(known) - 1, CURVE).astype(int))]
    low, high = loss[known].min(), loss[known].max()
    across = (steps[known] - first) / max(1, last - first) * (END - STEPS) + STEPS
    down = top + LOSS - 2 - (loss[known] - low) / max(high - low, 1e-30) * (LOSS - 6)
    points = " ".join(f"{x:.0f},{y:.0f}" for x, y in zip(across, down, strict=True))
    parts.append(f'<polyline points="{points}" fill="none" stroke="#1c1f23"/>')
    words = f"loss {shown(float(loss[known[-1]]))}"
    parts.append(_text(STEPS - 8, top + LOSS // 2 + 4, words, "end"))
    return parts


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{x:g}" y="{y:g}" fill="#3c4148"{where}>{escape(text)}</text>'
