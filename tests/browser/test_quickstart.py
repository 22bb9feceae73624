"""The quickstart in real JupyterLab and Notebook, run and watched as a person would."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from gradwidget.metrics import METRICS
from tests.support.notebook import BUSY, Notebook
from tests.support.reading import Reading, read
from tests.support.server import App, JupyterServer, wait_until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(900),
    pytest.mark.parametrize("app", get_args(App)),
]

READINGS = 5
NETWORKS = ("sigmoid", "tanh", "repaired")


def watch(region: Locator, notebook: Notebook, cell: int) -> list[Reading]:
    """Readings at rising steps, no two with the same bars, while the training cell runs."""
    readings: list[Reading] = []
    code_cells = [i for i in range(notebook.count) if notebook.prompt(i).count()]
    prompt = code_cells.index(cell)

    def next_one() -> bool:
        # The words of a tick are in the page a moment before its bars: a reading counts once both
        # agree, and the bars are not those of the tick before, with which the words may agree as
        # well.
        seen = read(region)
        if seen is None or not seen.agrees():
            return False
        if readings and (seen.step <= readings[-1].step or seen.widths == readings[-1].widths):
            return False
        assert seen.prompts[prompt] == BUSY, f"the cell ended after {len(readings)} readings"
        readings.append(seen)
        return True

    while len(readings) < READINGS:
        wait_until(next_one, f"reading {len(readings) + 1} of the running cell")
    return readings


def assert_history_has_these(server: JupyterServer, readings: list[Reading]) -> None:
    """The rows, which the bars agree with, are what the history holds for the same steps."""
    kept_there = server.evaluate(
        "{'steps': w.history.steps.tolist(), 'layers': [layer.name for layer in w.history.layers],"
        " **{name: w.history[name].tolist() for name in ('grad_rms', 'act_grad_rms')}}"
    )
    # A finding that opens brings its own metric.
    columns = {
        METRICS[name].title: dict(zip(kept_there["steps"], kept_there[name], strict=True))
        for name in ("grad_rms", "act_grad_rms")
    }
    for reading in readings:
        assert [row.layer for row in reading.rows] == kept_there["layers"]
    # The oldest columns of a long run are merged with their neighbours.
    kept = [reading for reading in readings if reading.step in columns["gradient RMS"]]
    assert kept, f"none of the steps {[reading.step for reading in readings]} is in the history"
    for reading in kept:
        # A row shows as few as two digits: 1.1e-5 may be 1.05e-5.
        shown = columns[reading.rows[0].metric]
        assert reading.values == pytest.approx(np.array(shown[reading.step]), rel=0.05)


def names_in_state(reading: Reading, state: str, mark: str) -> list[str]:
    """Layers whose row carries the word; it must carry the mark too."""
    rows = [row for row in reading.rows if row.state == state]
    for row in rows:
        assert mark in row.text, row
        assert state in row.text, row
    return [row.layer for row in rows]


def one_color(reading: Reading, state: str) -> str:
    """The color of all bars in a state, which no other bar has."""
    here = {
        color for color, row in zip(reading.colors, reading.rows, strict=True) if row.state == state
    }
    others = {
        color for color, row in zip(reading.colors, reading.rows, strict=True) if row.state != state
    }
    assert len(here) == 1
    assert not here & others
    return here.pop()


def test_the_quickstart_is_live_and_right(
    server: JupyterServer, page: Page, root: Path, screenshots: Path
) -> None:
    cells = json.loads((root / "examples" / "quickstart.ipynb").read_text(encoding="utf-8"))[
        "cells"
    ]
    index = {cell["id"]: i for i, cell in enumerate(cells)}
    shutil.copy(root / "examples" / "quickstart.ipynb", server.folder)
    notebook = Notebook(page, server.url("quickstart.ipynb"), len(cells))
    notebook.run(index["data"])
    notebook.run(index["network"])

    last: dict[str, Reading] = {}
    for number, network in enumerate(NETWORKS):
        notebook.run(index[f"{network}-model"])
        notebook.start(index[f"{network}-loop"])
        region = notebook.widget(number)
        readings = watch(region, notebook, index[f"{network}-loop"])
        region.scroll_into_view_if_needed()
        region.screenshot(path=screenshots / f"quickstart-{network}-{server.app}-running.png")

        notebook.finish(index[f"{network}-loop"])
        final_step = server.evaluate("int(w.history.steps[-1])")
        at_end = wait_until(partial(settled, region), "the last reading")
        assert at_end.step <= final_step
        assert_history_has_these(server, [*readings, at_end])
        region.screenshot(path=screenshots / f"quickstart-{network}-{server.app}.png")
        last[network] = at_end
        notebook.run(index[f"{network}-report"])
    page.screenshot(path=screenshots / f"quickstart-page-{server.app}.png")

    early = [f"hidden{i}" for i in range(1, 4)]
    vanishing = names_in_state(last["sigmoid"], "vanishing", "▼")
    assert set(early) <= set(vanishing)
    assert "output" not in vanishing
    exploding = names_in_state(last["tanh"], "exploding", "▲")
    assert set(early) <= set(exploding)
    assert "output" not in exploding
    assert {row.state for row in last["repaired"].rows} == {"ok"}
    colors = {
        one_color(last["sigmoid"], "vanishing"),
        one_color(last["tanh"], "exploding"),
        one_color(last["repaired"], "ok"),
    }
    assert len(colors) == len(NETWORKS)

    statuses = [notebook.widget(number).get_by_role("status") for number in range(len(NETWORKS))]
    expect(statuses[0]).to_contain_text("Vanishing")
    expect(statuses[1]).to_contain_text("Exploding")
    expect(statuses[2]).to_contain_text("Healthy")
    findings = [
        notebook.widget(number).get_by_role("list", name="Findings")
        for number in range(len(NETWORKS))
    ]
    expect(findings[0].get_by_role("listitem").first).to_contain_text("Vanishing gradients")
    expect(findings[1].get_by_role("listitem").first).to_contain_text("Exploding gradients")
    expect(findings[2]).to_be_hidden()


def settled(region: Locator) -> Reading | None:
    """The reading once bars and rows agree."""
    seen = read(region)
    return seen if seen is not None and seen.agrees() else None
