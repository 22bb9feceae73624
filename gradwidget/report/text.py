"""A run as text for a terminal or a log: the headline, a table of layers, causes with fixes."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gradwidget.diagnose.finding import Finding
from gradwidget.diagnose.summary.layer_state import LayerState, layer_states
from gradwidget.diagnose.summary.state_look import LOOKS
from gradwidget.diagnose.summary.verdict import HEALTHY, NOT_CHECKED
from gradwidget.diagnose.thresholds import DEFAULT
from gradwidget.frame import RATE, Frame
from gradwidget.problem import Problem
from gradwidget.record.history import LOOK_BACK, History
from gradwidget.record.losses import EARLY
from gradwidget.report.finding_line import consequences_of, finding_line, span_of
from gradwidget.report.finding_mark import finding_mark
from gradwidget.report.headline import headline, newest_step
from gradwidget.report.processes import ALONE, Processes, rank_lines
from gradwidget.report.shown_rows import MOST_ROWS, shown_rows, the_rest
from gradwidget.report.text_bar import BAR, Scale
from gradwidget.wording import cut, shown, visible

WIDTH = 100
LONG_AGO = 0.1
"""Share of a run's steps since the last sampled one from which a reader has to know of it."""
NOTICED = 0.02
"""Cost from which the seconds are given as well: of steps that are over in no time they are few."""
OFF = 0.1
"""Share of the level of the loss by which that of a single step has to differ to be told apart."""
HIGH = 0.5
"""Share of the first loss that has gone where a run goes well: its level tells nothing more."""


def report(
    history: History,
    findings: Sequence[Finding],
    problems: Sequence[Problem] = (),
    *,
    window: int = DEFAULT.window,
    awaits: str = "",
    full: bool = False,
    in_full: str = "report(full=True)",
    processes: Processes = ALONE,
) -> str:
    """What is wrong and what helps on one screen, at most 100 columns wide.

    The verdict, the layers (where they are many, those that something is wrong with first), and the
    cause with what it explains and its first remedy.

    Args:
        history: what was measured.
        findings: as ``Engine.findings`` gives them.
        problems: failures that were contained; the first line says what they cost.
        window: frames that most rules need before they can say anything.
        awaits: what was seen of the first step and what is missing, before there is a frame.
        full: all layers, every finding with its evidence, the code of every remedy.
        in_full: what gives the reader all that.
        processes: those that watch the same model, where there are several.

    Example:
        >>> print(report(History(), []))
        Waiting for the first step
    """
    states = layer_states(history, findings)
    first = processes.headline or headline(
        history, findings, states, problems, window, awaits=awaits
    )
    parts = ["\n".join(_wrapped(first, "", ""))]
    if history.last is not None:
        parts[0] += "\n" + "\n".join(_wrapped(summary_line(history), "", "  "))
        most = len(states) if full else MOST_ROWS
        parts.append(_table(history, states, shown_rows(states, most)))
    lines = [line for note in processes.standing.notes for line in _wrapped(note, "", "  ")]
    lines += rank_lines(processes.ranks)
    parts += ["\n".join(lines)] if lines else []
    parts += [NOT_CHECKED] if first == HEALTHY else []
    parts += _in_full(findings) if full else _in_short(findings, in_full)
    return "\n\n".join(parts)


def _in_full(findings: Sequence[Finding]) -> list[str]:
    titles = {finding.symptom: finding.title for finding in findings if finding.active}
    parts = []
    for finding in findings:
        lines = [*_head(finding), *_evidence(finding)]
        if finding.because is None:
            lines += _remedies(finding, with_code=len(finding.remedies) if finding.active else 0)
        else:
            lines += _wrapped(
                titles.get(finding.because, finding.because), "  because of: ", "    "
            )
        parts.append("\n".join(lines))
    return parts


def _in_short(findings: Sequence[Finding], in_full: str) -> list[str]:
    """Each cause with what it explains; how to do something about it for the first alone."""
    causes = [finding for finding in findings if finding.active and finding.because is None]
    parts = []
    for cause in causes:
        lines = _head(cause)
        if cause.severity == "warning" and not cause.caveat.startswith("None"):
            lines += _caveat(cause)
        explained = consequences_of(cause, findings)
        lines += ["  seen because of this:"] if explained else []
        for one in explained:
            lines += _wrapped(finding_line(one), "    ", "      ")
        lines += _remedies(cause, with_code=1) if cause is causes[0] else _first_title(cause)
        parts.append("\n".join(lines))
    over = [finding for finding in findings if not finding.active]
    if over:
        parts.append("\n".join(line for one in over for line in _wrapped(_title(one), "", "  ")))
    if causes or over:
        parts.append(f"{in_full} has all layers, the evidence, and the code of every remedy.")
    return parts


def summary_line(history: History) -> str:
    """Where a run is: step, loss, norm, rate, and what measuring costs; empty before a frame.

    Step and loss are the newest that are known. All else is of the last sampled step, which is
    named where many steps have followed it.
    """
    frame, step = history.last, newest_step(history)
    if frame is None or step is None:
        return ""
    words = [f"step {step:,}"]
    if step > frame.step:
        loss = float(history.losses.recent(1)[1][0])
        if step - frame.step > LONG_AGO * (step - (history.first_step or 0)):
            words[0] += f" (last sampled step {frame.step:,})"
        frame = replace(frame, scalars={**frame.scalars, "loss": loss})
    for name, title in (
        ("loss", "loss"),
        ("total_grad_norm", "gradient norm"),
        (RATE, "learning rate"),
    ):
        value = history.recent_scalar(name, LOOK_BACK)
        known = value[~np.isnan(value)]
        if name in frame.scalars:
            words.append(f"{title} {shown(frame.scalars[name])}")
            words[-1] += _level(history, frame) if name == "loss" else ""
            words[-1] += _further_rates(frame) if name == RATE else ""
        elif known.size:
            words.append(f"{title} {shown(float(known[-1]))}")
    overhead = frame.scalars.get("overhead", math.nan)
    if not math.isnan(overhead):
        words.append(f"measuring costs {overhead:.1%}")
        if overhead > NOTICED and "spent" in frame.scalars:
            words[-1] += f", {frame.scalars['spent']:.1f} s so far"
    elif "spent" in frame.scalars:
        words.append(f"measuring has taken {frame.scalars['spent']:.1f} s")
    return " · ".join(words)


def _level(history: History, frame: Frame) -> str:
    """What the loss has been lately, where that of the newest step is another; empty otherwise.

    Findings are about that level, where most of the first loss is left. Networks that take turns
    have a loss each.
    """
    level, newest = history.losses.level, frame.scalars["loss"]
    takes_turns = frame.wiring is not None and len(frame.wiring.optimizers) > 1
    first = float(history.losses.first()[1][:1].sum())
    is_high = level > first - HIGH * abs(first)
    if takes_turns or not is_high or not abs(newest - level) > OFF * abs(level):
        return ""
    return f" (median of {EARLY} steps: {shown(level)})"


def _further_rates(frame: Frame) -> str:
    """Those of other optimizers and groups, such as ``" (AdamW 0.001)"``."""
    further = [
        f"{visible(name.removeprefix(f'{RATE}/'))} {shown(value)}"
        for name, value in frame.scalars.items()
        if name.startswith(f"{RATE}/")
    ]
    return f" ({', '.join(further)})" if further else ""


def _table(history: History, states: Sequence[LayerState], places: Sequence[int]) -> str:
    values = history.newest("grad_rms")
    scale = Scale.of(values)
    state_width = max(len(LOOKS[state].word) for state in states)
    room = WIDTH - (2 + state_width + 2 + 9 + 2 + BAR) - 2
    labels = [f"{visible(layer.name)}  {visible(layer.summary)}" for layer in history.layers]
    label_width = min(room, max(len(labels[place]) for place in places))
    rows = [f"{'':2}{'':{state_width}}  {'layer':{label_width}}  {'grad RMS':>9}  {scale}"]
    for place in places:
        label, state, value = labels[place], states[place], values[place]
        short = cut(label, label_width)
        text = shown(float(value)) if not np.isnan(value) else "–"
        bar = scale.bar(float(value))
        look = f"{LOOKS[state].mark} {LOOKS[state].word:{state_width}}"
        rows.append(f"{look}  {short:{label_width}}  {text:>9}  {bar}".rstrip())
    rest = the_rest(states, places)
    return "\n".join([*rows, *(_wrapped(rest, "  ", "    ") if rest else [])])


def _title(finding: Finding) -> str:
    severity = finding.severity.upper() if finding.active else "RESOLVED"
    return f"{finding_mark(finding)} [{severity}] {finding.title}, {span_of(finding)}"


def _head(finding: Finding) -> list[str]:
    reported = f"reported at step {finding.reported_step:,}"
    return [f"{_title(finding)}, {reported}", *_wrapped(finding.message, "  ", "  ")]


def _evidence(finding: Finding) -> list[str]:
    lines: list[str] = []
    if finding.layers:
        lines += _wrapped(", ".join(finding.layers), "  layers: ", "    ")
    if finding.evidence:
        evidence = ", ".join(
            f"{name.replace('_', ' ')} {shown(value)}" for name, value in finding.evidence.items()
        )
        lines += _wrapped(evidence, "  evidence: ", "    ")
    return [*lines, *_caveat(finding)]


def _caveat(finding: Finding) -> list[str]:
    return _wrapped(finding.caveat, "  but: ", "    ") if finding.caveat else []


def _remedies(finding: Finding, with_code: int) -> list[str]:
    """The first ``with_code`` remedies with reason and code, of the others the title."""
    lines: list[str] = []
    for number, remedy in enumerate(finding.remedies, start=1):
        is_shown = number <= with_code
        why = f". {remedy.why}" if is_shown or not finding.active else ""
        lines += _wrapped(f"{remedy.title}{why}", f"  {number}. ", "     ")
        if is_shown:
            lines += ["       " + visible(line) for line in remedy.code.splitlines()]
    return lines


def _first_title(finding: Finding) -> list[str]:
    if not finding.remedies:
        return []
    return _wrapped(finding.remedies[0].title, "  what helps: ", "    ")


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    return textwrap.wrap(visible(text), WIDTH, initial_indent=first, subsequent_indent=rest) or [
        first.rstrip()
    ]
