"""The last state as a picture and a table, for where no widget runs: a saved notebook, a host."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from gradwidget.diagnose.finding import Finding
from gradwidget.diagnose.summary.layer_state import LayerState, layer_states, leading
from gradwidget.diagnose.summary.state_look import LOOKS
from gradwidget.diagnose.thresholds import DEFAULT
from gradwidget.frame import FloatArray
from gradwidget.metrics import METRICS
from gradwidget.problem import Problem
from gradwidget.record.history import History
from gradwidget.report.finding_line import consequences_of, finding_line
from gradwidget.report.finding_mark import finding_mark
from gradwidget.report.headline import headline, newest_step
from gradwidget.report.shown_rows import shown_rows, the_rest
from gradwidget.view.notebook.bar_color import bar_color
from gradwidget.view.notebook.static_picture import shown_metric, static_picture
from gradwidget.wording import shown, visible

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
    awaits: str = "",
    widget: str = "",
    notice: str = "",
) -> str:
    """The headline, the picture, the layers as a table, and the causes with what they explain.

    The picture is an image, so that it stays one where a host takes everything out but a few tags;
    where it takes even that, the table has bars of its own.

    Text that comes from a model or a user stays text.

    Args:
        model: class name of the model.
        history: what was measured.
        findings: as ``Engine.findings`` gives them.
        problems: failures that were contained; the first line says what they cost.
        window: frames that most rules need before they can say anything.
        awaits: what was seen of the first step and what is missing, before there is a frame.
        widget: identifier by which the live widget's page finds this, to hide it.
        notice: a sentence above all that.

    Example:
        >>> "Waiting for the first step" in static_html("Net", History(), [])
        True
    """
    states = layer_states(history, findings)
    last, step = history.last, newest_step(history)
    when = "" if step is None else f" · step {step:,}"
    first = headline(history, findings, states, problems, window, awaits=awaits)
    parts = [STYLE, f"<p>{_text(notice)}</p>"] if notice else [STYLE]
    parts.append(f"<p><b>gradwidget: {_text(model)}</b> · {_text(first)}{when}</p>")
    if last is not None:
        svg = b64encode(static_picture(history, findings, states).encode()).decode()
        words = escape(f"The gradients of {visible(model)}, layer by layer", quote=True)
        parts.append(f'<img alt="{words}" src="data:image/svg+xml;base64,{svg}">')
        table = _table(history, findings, states)
        parts.append(f"<details><summary>As a table</summary>{table}</details>")
    causes = [finding for finding in findings if finding.because is None]
    if causes:
        parts.append("<ul>" + "".join(_item(cause, findings) for cause in causes) + "</ul>")
    return f'<div class="gw-static" data-widget="{escape(widget)}">{"".join(parts)}</div>'


def _table(history: History, findings: Sequence[Finding], states: Sequence[LayerState]) -> str:
    metric = METRICS[shown_metric(history, findings)]
    values = history.newest(metric.name)
    leads = leading(findings)
    places = shown_rows(states)
    rows = ""
    for i, length in zip(places, _lengths(values)[places], strict=True):
        layer, value = history.layers[i], float(values[i])
        color = bar_color(states[i], leads.get(layer.name), metric.name)
        look = LOOKS[states[i]]
        rows += (
            f"<tr><td>{_text(layer.name)}</td><td>{_text(layer.summary)}</td>"
            f"<td>{look.mark} {escape(look.word)}</td>"
            f"<td>{'' if math.isnan(value) else shown(value)}</td>"
            f'<td style="color:{color};text-align:left">{"█" * length}</td></tr>'
        )
    rest = the_rest(states, places)
    note = f"<p>{escape(rest)}</p>" if rest else ""
    head = f"<th>layer</th><th>kind</th><th>state</th><th colspan=2>{metric.title}</th>"
    return f"<table><tr>{head}</tr>{rows}</table>{note}"


def _lengths(values: FloatArray) -> NDArray[np.int64]:
    """Characters of each bar, on a log scale over the values that have a place there."""
    is_placed = np.isfinite(values) & (values > 0)
    if not is_placed.any():
        return np.zeros(len(values), np.int64)
    sizes = np.log10(values, where=is_placed, out=np.full(len(values), -np.inf))
    low, high = math.floor(sizes[is_placed].min()) - 1, sizes[is_placed].max()
    lengths: NDArray[np.int64] = np.rint(
        BAR * (np.maximum(sizes, low) - low) / (high - low)
    ).astype(np.int64)
    return lengths


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
