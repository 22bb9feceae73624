"""Tries the picture in marimo, which is no dependency: ``pip install marimo``, then run this.

``.venv/bin/python scripts/try_marimo.py``; it needs Chromium and says what it has seen.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.chromium import launch  # noqa: E402 - found only with the root on the path
from tests.support.server import wait_until  # noqa: E402 - as above

PORT = 28555
DARK = "rgb(17, 20, 23)"
"""The ground of the picture in a dark theme that has no colors of Jupyter's."""
URL = f"http://127.0.0.1:{PORT}"

# The loop is a cell of its own: marimo shows what a cell displays when it has ended.
NOTEBOOK = """
# /// script
# [tool.marimo.display]
# theme = "dark"
# ///
import marimo
app = marimo.App()

@app.cell
def _():
    import time
    import marimo as mo
    import torch
    from torch import nn
    from gradwidget import GradWidget
    torch.manual_seed(0)
    torch.set_num_threads(1)
    layers = [layer for _ in range(8) for layer in (nn.Linear(16, 16), nn.Sigmoid())]
    model = nn.Sequential(*layers, nn.Linear(16, 4))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    w = mo.ui.anywidget(GradWidget(model, budget=None))
    return model, optimizer, time, torch, w

@app.cell
def _(w):
    w
    return

@app.cell
def _(model, optimizer, time, torch, w):
    for _ in range(200):
        x = torch.randn(32, 16)
        loss = (model(x) - x[:, :4]).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        time.sleep(0.05)
    return
"""


def main() -> None:
    """Opens the notebook as an application and watches it train."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        notebook = Path(folder) / "notebook.py"
        notebook.write_text(NOTEBOOK, encoding="utf-8")
        command = [sys.executable, "-m", "marimo", "--yes", "run", "--headless", "--no-token"]
        command += [f"--port={PORT}", str(notebook)]
        server = subprocess.Popen(command, cwd=ROOT)  # noqa: S603 - a command of our own
        try:
            wait_until(is_up, "marimo to start")
            watch(launch(playwright).new_page(viewport={"width": 1360, "height": 1000}))
        finally:
            server.terminate()
            server.wait()


def is_up() -> bool:
    """Whether the server answers."""
    try:
        with urllib.request.urlopen(f"{URL}/health", timeout=5):  # noqa: S310 - of this machine
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def watch(page: Page) -> None:
    """Says what is seen: the picture moves, and a pause that nobody could end does not come."""
    page.goto(URL)
    region = page.get_by_role("region", name=re.compile("^gradwidget: "))
    shown = region.locator("[data-step]")
    expect(shown).to_be_visible(timeout=60_000)
    before = int(shown.get_attribute("data-step") or 0)
    if before > 150:
        sys.exit("the first picture came when the loop was over")
    wait_until(lambda: int(shown.get_attribute("data-step") or 0) > before + 20, "it to move")
    print(f"live from step {before} on")
    bars, rows = region.locator("rect.bar"), region.get_by_role("row")
    wait_until(lambda: bars.count() == rows.count() > 0, "the bars")
    print(f"{bars.count()} bars")
    ground = region.evaluate("node => getComputedStyle(node).backgroundColor")
    if ground != DARK:
        sys.exit(f"{ground} in marimo's dark theme")
    print("dark as marimo is")
    region.get_by_role("button", name="Pause", exact=True).click()
    wait_until(lambda: shown.get_attribute("data-step") == "199", "the end of the loop")
    print("Pause does not hold a loop that nobody could resume")


if __name__ == "__main__":
    main()
