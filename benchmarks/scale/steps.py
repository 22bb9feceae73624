"""Costs by the steps so far, on frames that are made up: none of them may grow."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from time import thread_time

from benchmarks.rules import healthy
from benchmarks.scale.table import FLAT, Line, head, rows
from gradwidget.diagnose.engine import Engine
from gradwidget.frame import Frame
from gradwidget.record.history import History
from gradwidget.report.text import report
from gradwidget.view.protocol.arrays import newest, whole

STEPS = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
LAYERS = 10
JUDGED = 50
"""Newest frames that are judged at each size."""

LINES = (
    Line("recording a frame, ms", digits=3, most=FLAT),
    Line("all rules on a frame, ms", digits=3, most=FLAT),
    Line("a message to the page, ms", digits=3, most=FLAT),
    Line("a page that opens, ms", digits=2, most=FLAT),
    Line("report(), ms", digits=2, most=FLAT),
    Line("the history, MiB", digits=2, most=FLAT),
)


def main() -> None:
    """Prints the table."""
    print(head(f"steps so far, {LAYERS} layers", STEPS), flush=True)
    print("\n".join(rows(LINES, STEPS, list(costs()))), flush=True)


def costs() -> Iterator[dict[str, float]]:
    """The numbers of ``LINES`` at each of ``STEPS``."""
    history, frames, known = History(), healthy(LAYERS), 0
    for steps in STEPS:
        recording = record(history, itertools.islice(frames, steps - known - JUDGED))
        # A diagnosis of its own: one that has judged all of them would take as long again.
        engine, judging = Engine(), list[float]()
        for frame in itertools.islice(frames, JUDGED):
            history.append(frame)
            judging.append(milliseconds(engine.update, history, times=1))
        yield {
            "recording a frame, ms": recording,
            "all rules on a frame, ms": sum(judging) / JUDGED,
            "a message to the page, ms": milliseconds(newest, history, 1),
            "a page that opens, ms": milliseconds(whole, history),
            "report(), ms": milliseconds(report, history, engine.findings),
            "the history, MiB": history.nbytes / 2**20,
        }
        known = steps


def record(history: History, frames: Iterator[Frame]) -> float:
    """Milliseconds for appending a frame, the mean: it includes what is summarized on the way."""
    before, spent = history.version, 0.0
    for frame in frames:
        began = thread_time()
        history.append(frame)
        spent += thread_time() - began
    return 1e3 * spent / (history.version - before)


def milliseconds(call: Callable[..., object], *args: object, times: int = 5) -> float:
    """What a call takes, the least of several times: a busy machine only adds to it."""
    found = []
    for _ in range(times):
        began = thread_time()
        call(*args)
        found.append(1e3 * (thread_time() - began))
    return min(found)
