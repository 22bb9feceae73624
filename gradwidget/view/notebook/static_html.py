"""The last state as a small HTML table, for where no widget runs: a saved notebook, a code host."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from gradwidget.diagnose.finding import Finding
from gradwidget.diagnose.summary.layer_state import LayerState, layer_states
from gradwidget.diagnose.summary.state_look import LOOKS
from gradwidget.problem import Problem
from gradwidget.record.history import History
from gradwidget.report.finding_mark import finding_mark
from gradwidget.report.headline import headline
from gradwidget.wording import shown, visible

METRIC = "grad_rms"
TITLE = "gradient RMS (log)"

BAR = 24
"""Characters of the longest bar: hosts that strip all styles still show its length."""

MOST_ROWS = 100
"""Layers listed one by one; of more, those that are not ok come first."""


def static_html(
    model: str,
    history: History,
    findings: Sequence[Finding],
    problems: Sequence[Problem] = (),
) -> str:
    """The headline, the layers with state, value and bar, and the findings.

    Text that comes from a model or a user stays text.

    Args:
        model: class name of the model.
        history: what was measured.
        findings: as ``Engine.findings`` gives them.
        problems: failures that were contained; the first line says what they cost.

    Example:
        >>> "Waiting for the first step" in static_html("Net", History(), [])
        True
    """
    states = layer_states(history, findings)
    last = history.last
    when = "" if last is None else f" · step {last.step:,}"
    first = headline(history, findings, states, problems)
    parts = [f"<p><b>gradwidget: {_text(model)}</b> · {_text(first)}{when}</p>"]
    if last is not None:
        parts.append(_table(history, states))
    if findings:
        parts.append("<ul>" + "".join(_item(finding) for finding in findings) + "</ul>")
    return f'<div class="gw-static">{"".join(parts)}</div>'


def _table(history: History, states: Sequence[LayerState]) -> str:
    values = history.newest(METRIC).tolist()
    shown = list(range(len(states)))
    if len(shown) > MOST_ROWS:
        shown = sorted(sorted(shown, key=lambda i: states[i] is LayerState.OK)[:MOST_ROWS])
    rows = "".join(_row(history, states, values, i) for i in shown)
    more = len(states) - len(shown)
    note = f"<p>and {more} more layers</p>" if more else ""
    head = f"<th>layer</th><th>kind</th><th>state</th><th colspan=2>{TITLE}</th>"
    return f"<table><tr>{head}</tr>{rows}</table>{note}"


def _row(history: History, states: Sequence[LayerState], values: Sequence[float], i: int) -> str:
    layer = history.layers[i]
    look = LOOKS[states[i]]
    sizes = [math.log10(value) for value in values if 0 < value < math.inf]
    low, high = (math.floor(min(sizes)) - 1, max(sizes)) if sizes else (0, 1)
    size = math.log10(values[i]) if 0 < values[i] < math.inf else low
    bar = "█" * round(BAR * (size - low) / (high - low))
    value = "" if math.isnan(values[i]) else shown(values[i])
    return (
        f"<tr><td>{_text(layer.name)}</td><td>{_text(layer.summary)}</td>"
        f"<td>{look.mark} {escape(look.word)}</td><td>{value}</td>"
        f'<td style="color:{look.color_light};text-align:left">{bar}</td></tr>'
    )


def _item(finding: Finding) -> str:
    over = "" if finding.active else f" (resolved at step {finding.last_step:,})"
    remedy = f" What helps: {_text(finding.remedies[0].title)}." if finding.remedies else ""
    return (
        f"<li>{finding_mark(finding)} <b>{escape(finding.title)}</b>{over}, since step "
        f"{finding.first_step:,}: {_text(finding.message)}{remedy}</li>"
    )


def _text(text: str) -> str:
    return escape(visible(text))
