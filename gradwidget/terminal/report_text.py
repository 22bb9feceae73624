"""The report of a run file, with where it comes from above it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gradwidget.diagnose.summary.layer_state import layer_states
from gradwidget.report.headline import headline
from gradwidget.report.text import WIDTH, report
from gradwidget.wording import visible

if TYPE_CHECKING:
    from gradwidget.diagnose.finding import Finding
    from gradwidget.run.run import Run


def report_text(run: Run, findings: Sequence[Finding], *, full: bool) -> str:
    """What was wrong in a run and what helps, as text of at most 100 columns.

    Args:
        run: the run.
        findings: what is wrong.
        full: all layers, every finding with its evidence, the code of every remedy, every change
            and problem.
    """
    with np.errstate(all="ignore"):
        text = report(
            run.history,
            findings,
            run.problems,
            window=run.thresholds.window,
            full=full,
            in_full="--full",
        )
    parts = ["\n".join(origin_lines(run)), text]
    if full and run.changes:
        parts.append("\n".join(_changes(run)))
    if full and run.problems:
        parts.append("\n".join(_problems(run)))
    return "\n\n".join(parts)


def headline_of(run: Run) -> str:
    """What is wrong with a run, or that it is healthy, in a line."""
    findings = run.findings
    with np.errstate(all="ignore"):
        states = layer_states(run.history, findings)
        return headline(run.history, findings, states, run.problems, run.thresholds.window)


def origin_lines(run: Run, width: int = WIDTH) -> list[str]:
    """Which run it is, whether it is over, and what could not be read."""
    state = "" if run.closed else " · not closed: still written, or ended without closing"
    gradwidget, torch = (run.versions.get(name, "") for name in ("gradwidget", "torch"))
    lines = [f"{run.path.name} · {run.model_class} · gradwidget {gradwidget}, torch {torch}{state}"]
    lines += [f"! could not be read: {what}" for what in run.damage]
    return [part for line in lines for part in textwrap.wrap(visible(line), width) or [""]]


def _changes(run: Run) -> list[str]:
    lines = ["Changes made to the loop:"]
    for change in run.changes:
        undone = "" if change.undone_step is None else f", undone after {change.undone_step:,}"
        lines += _item(f"after step {change.step:,}{undone}: {change.text}")
    return lines


def _problems(run: Run) -> list[str]:
    lines = ["Problems inside gradwidget while it recorded:"]
    for problem in run.problems:
        error = f" ({problem.error})" if problem.error else ""
        lines += _item(f"step {problem.step:,}: {problem.message}{error}")
    return lines


def _item(text: str) -> list[str]:
    return textwrap.wrap(visible(text), WIDTH, initial_indent="  ", subsequent_indent="    ")
