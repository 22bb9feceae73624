"""A run as text for a terminal or a log: the headline, a table of layers, findings with fixes."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

import numpy as np

from gradwidget.diagnose.finding import Finding
from gradwidget.diagnose.summary.layer_state import LayerState, layer_states
from gradwidget.diagnose.summary.state_look import LOOKS
from gradwidget.problem import Problem
from gradwidget.record.history import LOOK_BACK, History
from gradwidget.report.finding_mark import finding_mark
from gradwidget.report.headline import headline
from gradwidget.wording import shown, visible

WIDTH = 100
BAR = 24


def report(history: History, findings: Sequence[Finding], problems: Sequence[Problem] = ()) -> str:
    """The state of every layer and all findings, at most 100 columns wide.

    Args:
        history: what was measured.
        findings: as ``Engine.findings`` gives them.
        problems: failures that were contained; the first line says what they cost.

    Example:
        >>> print(report(History(), []))
        Waiting for the first step
    """
    states = layer_states(history, findings)
    parts = ["\n".join(_wrapped(headline(history, findings, states, problems), "", ""))]
    if history.last is not None:
        parts[0] += "\n" + _summary(history)
        parts.append(_table(history, states))
    parts += [_finding(finding) for finding in findings]
    return "\n\n".join(parts)


def _summary(history: History) -> str:
    frame = history.last
    assert frame is not None  # noqa: S101 - the caller has looked; for the type checker
    words = [f"step {frame.step:,}"]
    for name, title in (
        ("loss", "loss"),
        ("total_grad_norm", "gradient norm"),
        ("lr", "learning rate"),
    ):
        value = history.recent_scalar(name, LOOK_BACK)
        known = value[~np.isnan(value)]
        if name in frame.scalars:
            words.append(f"{title} {shown(frame.scalars[name])}")
        elif known.size:
            words.append(f"{title} {shown(float(known[-1]))}")
    overhead = frame.scalars.get("overhead", math.nan)
    if not math.isnan(overhead):
        words.append(f"measuring costs {overhead:.1%}")
    return " · ".join(words)


def _table(history: History, states: Sequence[LayerState]) -> str:
    values = history.newest("grad_rms")
    positive = values[np.isfinite(values) & (values > 0)]
    low, high = (float(positive.min()), float(positive.max())) if positive.size else (1.0, 1.0)
    # A decade of room below, so that the smallest bar is still a bar.
    floor, top = math.floor(math.log10(low)) - 1, math.ceil(math.log10(high))
    state_width = max(len(LOOKS[state].word) for state in states)
    room = WIDTH - (2 + state_width + 2 + 9 + 2 + BAR) - 2
    labels = [f"{visible(layer.name)}  {visible(layer.summary)}" for layer in history.layers]
    label_width = min(room, max(len(label) for label in labels))
    scale = f"1e{floor} to 1e{top}, log"
    rows = [f"{'':2}{'':{state_width}}  {'layer':{label_width}}  {'grad RMS':>9}  {scale}"]
    for label, state, value in zip(labels, states, values, strict=True):
        short = label if len(label) <= label_width else label[: label_width - 1] + "…"
        text = shown(float(value)) if not np.isnan(value) else "–"
        bar = _bar(float(value), floor, top)
        look = f"{LOOKS[state].mark} {LOOKS[state].word:{state_width}}"
        rows.append(f"{look}  {short:{label_width}}  {text:>9}  {bar}".rstrip())
    return "\n".join(rows)


def _bar(value: float, floor: int, top: int) -> str:
    if not (math.isfinite(value) and value > 0):
        return ""
    share = (math.log10(value) - floor) / (top - floor)
    eighths = round(share * BAR * 8)
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]


def _finding(finding: Finding) -> str:
    severity = finding.severity.upper() if finding.active else "RESOLVED"
    span = f"since step {finding.first_step:,}"
    if not finding.active:
        span = f"steps {finding.first_step:,} to {finding.last_step:,}"
    reported = f"reported at step {finding.reported_step:,}"
    lines = [f"{finding_mark(finding)} [{severity}] {finding.title}, {span}, {reported}"]
    lines += _wrapped(finding.message, "  ", "  ")
    if finding.layers:
        lines += _wrapped(", ".join(finding.layers), "  layers: ", "    ")
    if finding.evidence:
        evidence = ", ".join(
            f"{name.replace('_', ' ')} {shown(value)}" for name, value in finding.evidence.items()
        )
        lines += _wrapped(evidence, "  evidence: ", "    ")
    if finding.caveat:
        lines += _wrapped(finding.caveat, "  but: ", "    ")
    for number, remedy in enumerate(finding.remedies, start=1):
        lines += _wrapped(f"{remedy.title}. {remedy.why}", f"  {number}. ", "     ")
        lines += (
            ["       " + visible(line) for line in remedy.code.splitlines()]
            if finding.active
            else []
        )
    return "\n".join(lines)


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    return textwrap.wrap(visible(text), WIDTH, initial_indent=first, subsequent_indent=rest) or [
        first.rstrip()
    ]
