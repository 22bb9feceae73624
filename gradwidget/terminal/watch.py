"""A run followed in a terminal while it is written."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gradwidget.diagnose.summary.layer_state import layer_states
from gradwidget.diagnose.summary.state_look import LOOKS
from gradwidget.report.finding_line import finding_line
from gradwidget.report.shown_rows import shown_rows, the_rest
from gradwidget.report.text import WIDTH, summary_line
from gradwidget.report.text_bar import BAR, Scale
from gradwidget.terminal.report_text import headline_of, origin_lines
from gradwidget.wording import cut, shown, visible

if TYPE_CHECKING:
    from gradwidget.run.run import Run

EVERY = 1.0
"""Seconds between two looks at the file."""
AROUND = 8
"""Lines of the screen that are not rows of the table."""
LEAST_NAME = 12
"""Columns for the name of a layer where the terminal is narrow."""
MOST_FINDINGS = 6
"""Findings listed."""


def watch(run: Run) -> None:
    """Shows a run until its recorder has ended, or Ctrl-C.

    On a terminal as a table that is drawn again; elsewhere a line for each new state of things.

    Raises:
        OSError: the file cannot be read any more.
    """
    console = Console()
    if console.is_terminal:
        # As it stands, then what comes: the last state stays on the screen.
        with Live(_screen(run, console), console=console, auto_refresh=False) as live:
            while not run.closed:
                time.sleep(EVERY)
                run.refresh()
                live.update(_screen(run, console), refresh=True)
            live.update(_screen(run, console), refresh=True)
        return
    said = ""
    while True:
        first = headline_of(run)
        if first != said:
            said = first
            print(visible(f"{summary_line(run.history) or 'no step yet'} · {first}"))
            sys.stdout.flush()
        if run.closed:
            return
        time.sleep(EVERY)
        run.refresh()


def _screen(run: Run, console: Console) -> Group:
    """All of it; text from the file is only ever text, never markup."""
    active = [finding for finding in run.findings if finding.active]
    lines = [visible(line) for line in origin_lines(run, min(WIDTH, console.width))]
    parts: list[Text | Table] = [Text("\n".join(lines), style="dim")]
    parts.append(Text(visible(headline_of(run)), style="bold"))
    parts.append(Text(visible(summary_line(run.history))))
    for finding in active[:MOST_FINDINGS]:
        style = "red" if finding.severity == "critical" else "yellow"
        parts.append(Text(visible(finding_line(finding)), style=style))
    if len(active) > MOST_FINDINGS:
        parts.append(Text(f"and {len(active) - MOST_FINDINGS} more findings"))
    if run.history.layers:
        rows = console.height - AROUND - len(lines) - len(parts)
        parts.append(_table(run, max(3, rows), console.width))
    return Group(*parts)


def _table(run: Run, most: int, width: int) -> Table:
    history = run.history
    with np.errstate(all="ignore"):
        states = layer_states(history, run.findings)
    values = history.newest("grad_rms")
    scale = Scale.of(values)
    places = shown_rows(states, most)
    word = max(len(LOOKS[states[place]].word) for place in places)
    room = width - word - 18
    has_bars = room - BAR >= LEAST_NAME
    room = max(LEAST_NAME, room - BAR if has_bars else room)
    table = Table(box=None, pad_edge=False, caption_justify="left")
    table.add_column("", no_wrap=True)
    table.add_column("layer", no_wrap=True)
    table.add_column("grad RMS", justify="right", no_wrap=True)
    if has_bars:
        table.add_column(str(scale), no_wrap=True)
    for place in places:
        layer, value = history.layers[place], float(values[place])
        look, label = LOOKS[states[place]], visible(f"{layer.name}  {layer.summary}")
        cells = f"{look.mark} {look.word}", cut(label, room), _value(value), scale.bar(value)
        table.add_row(*map(Text, cells if has_bars else cells[:-1]))
    if rest := the_rest(states, places):
        table.caption = Text(rest)
    return table


def _value(value: float) -> str:
    return "–" if np.isnan(value) else shown(value)
