"""The hunt of examples/debug_a_nan.ipynb, from a NaN loss to its cause to the fix."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.console import SubshellConsole
from tests.support.notebook import BUSY, START, Notebook
from tests.support.server import JupyterServer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

NAME = "debug_a_nan.ipynb"


def test_the_culprit_is_caught_in_the_act(
    server: JupyterServer, page: Page, root: Path, screenshots: Path
) -> None:
    shutil.copy(root / "examples" / NAME, server.folder)
    cells = json.loads((root / "examples" / NAME).read_text(encoding="utf-8"))["cells"]
    index = {cell["id"]: number for number, cell in enumerate(cells)}
    prompts = [cell["id"] for cell in cells if cell["cell_type"] == "code"]
    notebook = Notebook(page, server.url(NAME), len(cells))
    notebook.run(index["data"])
    notebook.run(index["model"])
    notebook.start(index["loop"])

    region = notebook.widget(0)
    expect(region).to_contain_text("Paused after step 31", timeout=START)
    expect(page.locator(".jp-CodeCell .jp-InputPrompt").nth(prompts.index("loop"))).to_have_text(
        BUSY
    )
    card = (
        region.get_by_role("list", name="Findings")
        .get_by_role("listitem")
        .filter(has_text="NaN or Inf in the loss")
    )
    expect(card).to_contain_text("input")
    region.screenshot(path=screenshots / "debug-a-nan.png")
    with SubshellConsole(server.connection_file()) as console:
        rows = console.evaluate("w.batch.args[0].isnan().any(dim=1).nonzero().flatten().tolist()")
        assert [console.evaluate("w.batch.step") * 32 + row for row in rows] == [1000]

    region.get_by_role("button", name="More figures and settings").click()
    region.get_by_label("critical findings").uncheck()
    region.get_by_role("button", name="Resume", exact=True).click()
    notebook.finish(index["loop"])
    notebook.run(index["cause"])
    expect(notebook.cells.nth(index["cause"])).to_contain_text("images with a NaN: [1000]")

    notebook.run(index["fix"])
    notebook.run(index["loop-again"])
    notebook.run(index["report"])
    assert server.evaluate("[f.severity for f in w.findings if f.severity == 'critical']") == []
    assert server.evaluate("losses[-1]") < 0.5
