"""A recorded run in a notebook: shown, and followed while another cell writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from gradwidget.run.playback import RECORDED
from tests.support.notebook import Notebook, write_notebook
from tests.support.server import JupyterServer, serving, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

RECORD = """
import torch
from torch import nn
from gradwidget import GradMonitor, GradWidget

torch.manual_seed(0)
torch.set_num_threads(1)
layers = [layer for _ in range(8) for layer in (nn.Linear(16, 16), nn.Sigmoid())]
model = nn.Sequential(*layers, nn.Linear(16, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)

def train(steps):
    for _ in range(steps):
        x = torch.randn(32, 16)
        (model(x) - x[:, :4]).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()

monitor = GradMonitor(model, budget=None, run_file="run.gw")
train(20)
"""
VERDICT = "Vanishing gradients in 6 of 9 layers"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[JupyterServer]:
    with serving("lab", tmp_path) as running:
        yield running


def test_a_run_is_followed_and_its_end_is_told(
    page: Page, server: JupyterServer, screenshots: Path
) -> None:
    cells = [RECORD, 'display(GradWidget("run.gw"))', "train(41)", "monitor.close()"]
    write_notebook(server.folder / "loop.ipynb", cells)
    notebook = Notebook(page, server.url("loop.ipynb"), len(cells))
    notebook.run(0)
    notebook.run(1)
    region = notebook.widget(0)
    status = region.get_by_role("status").first
    expect(status).to_contain_text(VERDICT, timeout=60_000)
    # No way to a loop that may be on another machine, and the reason beside the buttons.
    for name in ("Pause", "Step"):
        expect(region.get_by_role("button", name=name, exact=True).first).to_be_disabled()
    expect(region.get_by_text(RECORDED)).to_be_visible()
    notebook.run(2)
    newest = str(server.evaluate("monitor.history.last.step"))
    expect(region.get_by_text(newest, exact=True).first).to_be_visible(timeout=60_000)
    expect(region.get_by_text("ended", exact=True)).to_be_hidden()
    notebook.run(3)
    expect(region.get_by_text("ended", exact=True)).to_be_visible(timeout=60_000)
    region.screenshot(path=screenshots / "recorded-run.png")
    # Nobody holds the widget, and the page has it still.
    server.evaluate("__import__('gc').collect()")
    notebook.select(3)
    page.keyboard.press("Control+s")
    saved = server.folder / "loop.ipynb"
    wait_until(lambda: VERDICT in saved.read_text(encoding="utf-8"), "the save")
    page.reload()
    expect(notebook.widget(0).get_by_role("status").first).to_contain_text(VERDICT, timeout=60_000)
