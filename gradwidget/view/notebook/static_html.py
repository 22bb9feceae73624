"""The last state as a small HTML table, for where there is no kernel or no widget: a saved
notebook, a code host.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from gradwidget.diagnose.finding import Finding
from gradwidget.diagnose.summary.layer_state import LayerState, layer_states
from gradwidget.diagnose.summary.verdict import verdict
from gradwidget.record.history import LOOK_BACK, History
from gradwidget.wording import figure

METRIC = "grad_rms"
TITLE = "gradient RMS (log)"

BAR = 24
"""Characters of the longest bar: hosts that strip all styles still show its length."""

MOST_ROWS = 100
"""Layers listed one by one; of more, those that are not ok come first."""

LOOKS: dict[LayerState, tuple[str, str]] = {
    LayerState.OK: ("●", "#4c9a8f"),
    LayerState.VANISHING: ("▼", "#3b6fd4"),
    LayerState.EXPLODING: ("▲", "#d9541e"),
    LayerState.DEAD: ("◌", "#575c64"),
    LayerState.NONFINITE: ("✕", "#a3007a"),
    LayerState.NO_GRADIENT: ("○", "#6a727d"),
    LayerState.NOT_TRAINABLE: ("–", "#6a727d"),
    LayerState.NOT_MEASURED: ("·", "#6a727d"),
}
"""Mark and colour of each state, as the live picture has them."""


def fallback_html(model: str, history: History, findings: Sequence[Finding]) -> str:
    """The headline, the layers with state, figure and bar, and the findings; whatever comes from a
    model is escaped.

    Example:
        >>> "Waiting for the first step" in fallback_html("Net", History(), [])
        True
    """
    states = layer_states(history, findings)
    last = history.last
    when = "" if last is None else f" · step {last.step:,}"
    parts = [
        f"<p><b>gradwidget: {escape(model)}</b> · {escape(verdict(findings, states))}{when}</p>"
    ]
    if last is not None:
        parts.append(_table(history, states))
    if findings:
        parts.append("<ul>" + "".join(_item(finding) for finding in findings) + "</ul>")
    return f'<div class="gw-static">{"".join(parts)}</div>'


def _table(history: History, states: Sequence[LayerState]) -> str:
    values = _newest(history)
    shown = list(range(len(states)))
    if len(shown) > MOST_ROWS:
        shown = sorted(sorted(shown, key=lambda i: states[i] is LayerState.OK)[:MOST_ROWS])
    rows = "".join(_row(history, states, values, i) for i in shown)
    more = len(states) - len(shown)
    note = f"<p>and {more} more layers</p>" if more else ""
    return f"<table><tr><th>layer</th><th>kind</th><th>state</th><th colspan=2>{TITLE}</th></tr>{rows}</table>{note}"


def _newest(history: History) -> list[float]:
    recent = history.recent(METRIC, LOOK_BACK)
    known = ~np.isnan(recent)
    newest = len(recent) - 1 - np.argmax(known[::-1], axis=0)
    return [float(recent[row, i]) if known[row, i] else math.nan for i, row in enumerate(newest)]


def _row(history: History, states: Sequence[LayerState], values: Sequence[float], i: int) -> str:
    layer = history.layers[i]
    mark, colour = LOOKS[states[i]]
    sizes = [math.log10(value) for value in values if 0 < value < math.inf]
    low, high = (math.floor(min(sizes)) - 1, max(sizes)) if sizes else (0, 1)
    size = math.log10(values[i]) if 0 < values[i] < math.inf else low
    bar = "█" * round(BAR * (size - low) / (high - low))
    value = "" if math.isnan(values[i]) else figure(values[i])
    return (
        f"<tr><td>{escape(layer.name)}</td><td>{escape(layer.summary)}</td><td>{mark} {escape(states[i])}</td>"
        f'<td>{value}</td><td style="color:{colour};text-align:left">{bar}</td></tr>'
    )


def _item(finding: Finding) -> str:
    over = "" if finding.active else f" (resolved at step {finding.last_step:,})"
    remedy = f" What helps: {escape(finding.remedies[0].title)}." if finding.remedies else ""
    return (
        f"<li><b>{escape(finding.title)}</b>{over}, since step {finding.first_step:,}: "
        f"{escape(finding.message)}{remedy}</li>"
    )
