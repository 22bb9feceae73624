"""The last state as a small HTML table, for where no widget runs: a saved notebook, a code host."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from gradwidget.diagnose.finding import Finding
from gradwidget.diagnose.summary.layer_state import JUDGED, LayerState, layer_states, leading
from gradwidget.diagnose.summary.state_look import LOOKS
from gradwidget.diagnose.thresholds import DEFAULT
from gradwidget.frame import Layer
from gradwidget.problem import Problem
from gradwidget.record.history import History
from gradwidget.report.finding_line import consequences_of, finding_line
from gradwidget.report.finding_mark import finding_mark
from gradwidget.report.headline import headline
from gradwidget.report.shown_rows import shown_rows, the_rest
from gradwidget.wording import shown, visible

METRIC = "grad_rms"
TITLE = "gradient RMS (log)"

BAR = 24
"""Characters of the longest bar: hosts that strip all styles still show its length."""

STYLE = (
    "<style>.jp-OutputArea-child:has(.gw-static)"
    " + .jp-OutputArea-child > .jupyter-widgets:not(:has(*)) { display: none }</style>"
)
"""Hides what JupyterLab says behind it, in a notebook that was opened again, of a widget that is no
more."""


def static_html(
    model: str,
    history: History,
    findings: Sequence[Finding],
    problems: Sequence[Problem] = (),
    *,
    window: int = DEFAULT.window,
    widget: str = "",
    notice: str = "",
) -> str:
    """The headline, the layers with state, value and bar, and the causes with what they explain.

    Text that comes from a model or a user stays text.

    Args:
        model: class name of the model.
        history: what was measured.
        findings: as ``Engine.findings`` gives them.
        problems: failures that were contained; the first line says what they cost.
        window: frames that most rules need before they can say anything.
        widget: identifier by which the live widget's page finds this, to hide it.
        notice: a sentence above all that.

    Example:
        >>> "Waiting for the first step" in static_html("Net", History(), [])
        True
    """
    states = layer_states(history, findings)
    last = history.last
    when = "" if last is None else f" · step {last.step:,}"
    first = headline(history, findings, states, problems, window)
    parts = [STYLE, f"<p>{_text(notice)}</p>"] if notice else [STYLE]
    parts.append(f"<p><b>gradwidget: {_text(model)}</b> · {_text(first)}{when}</p>")
    if last is not None:
        parts.append(_table(history, findings, states))
    causes = [finding for finding in findings if finding.because is None]
    if causes:
        parts.append("<ul>" + "".join(_item(cause, findings) for cause in causes) + "</ul>")
    return f'<div class="gw-static" data-widget="{escape(widget)}">{"".join(parts)}</div>'


def _table(history: History, findings: Sequence[Finding], states: Sequence[LayerState]) -> str:
    values = history.newest(METRIC).tolist()
    leads = leading(findings)
    places = shown_rows(states)
    rows = "".join(
        _row(history.layers[i], states[i], leads.get(history.layers[i].name), values, i)
        for i in places
    )
    rest = the_rest(states, places)
    note = f"<p>{escape(rest)}</p>" if rest else ""
    head = f"<th>layer</th><th>kind</th><th>state</th><th colspan=2>{TITLE}</th>"
    return f"<table><tr>{head}</tr>{rows}</table>{note}"


def _row(
    layer: Layer, state: LayerState, lead: Finding | None, values: Sequence[float], i: int
) -> str:
    look = LOOKS[state]
    # The bar has the color of a finding about the metric shown, and of no other.
    is_shown = lead is None or METRIC in JUDGED.get(lead.symptom, ())
    color = (look if is_shown else LOOKS[LayerState.OK]).color_light
    sizes = [math.log10(value) for value in values if 0 < value < math.inf]
    low, high = (math.floor(min(sizes)) - 1, max(sizes)) if sizes else (0, 1)
    size = math.log10(values[i]) if 0 < values[i] < math.inf else low
    bar = "█" * round(BAR * (size - low) / (high - low))
    value = "" if math.isnan(values[i]) else shown(values[i])
    return (
        f"<tr><td>{_text(layer.name)}</td><td>{_text(layer.summary)}</td>"
        f"<td>{look.mark} {escape(look.word)}</td><td>{value}</td>"
        f'<td style="color:{color};text-align:left">{bar}</td></tr>'
    )


def _item(cause: Finding, findings: Sequence[Finding]) -> str:
    over = "" if cause.active else f" (resolved at step {cause.last_step:,})"
    remedy = f" What helps: {_text(cause.remedies[0].title)}." if cause.remedies else ""
    explained = [
        f"<li>{escape(finding_line(finding))}</li>" for finding in consequences_of(cause, findings)
    ]
    below = f"<ul>{''.join(explained)}</ul>" if explained else ""
    return (
        f"<li>{finding_mark(cause)} <b>{escape(cause.title)}</b>{over}, since step "
        f"{cause.first_step:,}: {_text(cause.message)}{remedy}{below}</li>"
    )


def _text(text: str) -> str:
    return escape(visible(text))
