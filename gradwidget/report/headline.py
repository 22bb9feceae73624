"""The first line of every report and of the picture: how the run is, and how far that is known."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Finding
from gradwidget.diagnose.summary.layer_state import LayerState
from gradwidget.diagnose.summary.verdict import verdict
from gradwidget.diagnose.thresholds import DEFAULT
from gradwidget.problem import Problem
from gradwidget.record.history import History


def headline(
    history: History,
    findings: Sequence[Finding],
    states: Sequence[LayerState],
    problems: Sequence[Problem],
    window: int = DEFAULT.window,
    *,
    awaits: str = "",
) -> str:
    """The verdict, and before it what is no longer measured; one line.

    Args:
        history: what was measured.
        findings: as ``Engine.findings`` gives them.
        states: of every layer; empty before the first frame.
        problems: failures that were contained.
        window: frames that most rules need before they can say anything.
        awaits: what was seen of the first step and what is missing, before there is a frame.

    Example:
        >>> off = Problem("making a frame", "", "", 0, is_off=True)
        >>> print(headline(History(), [], [], [off]))
        Measuring is switched off: making a frame kept failing. Training goes on.
    """
    found = verdict(findings, states, history.version, window, awaits)
    if not problems:
        return found
    off = [problem for problem in problems if problem.is_off]
    if not off:
        what = _failure(problems[0]).removesuffix(".")
        return f"{found} · problem: {what}{_more(problems)}; training goes on"
    last = history.last
    # A frame of that step or a later one shows that something is still measured.
    is_all = last is None or any(last.step < problem.step for problem in off)
    what = "Measuring" if is_all else "A part of the measuring"
    until = "" if last is None else f" {'Until then' if is_all else 'The rest'}: {found}."
    kept = f"{off[0].where} kept failing{_cause(off[0])}{_more(off)}"
    return f"{what} is switched off: {kept}. Training goes on.{until}"


def newest_step(history: History) -> int | None:
    """The newest step of which anything is known, its loss alone perhaps; None before a frame."""
    last = history.last
    return None if last is None else max(last.step, history.losses.last_step)


def _failure(problem: Problem) -> str:
    cause = _cause(problem)
    return f"{problem.where} failed{cause}" if cause else problem.message


def _cause(problem: Problem) -> str:
    return f" ({problem.error})" if problem.error else ""


def _more(problems: Sequence[Problem]) -> str:
    places = len({problem.where for problem in problems}) - 1
    return f" and {places} more" if places else ""
