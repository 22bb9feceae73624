"""Makes docs/images/layer.png: a recurrent layer inspected in real JupyterLab as it trains.

``.venv/bin/python scripts/make_layer_picture.py``
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from scripts.screenshot import few_colors  # noqa: E402 - found only with the root on the path
from tests.support.chromium import launch  # noqa: E402 - as above
from tests.support.notebook import Notebook, write_notebook  # noqa: E402 - as above
from tests.support.server import serving  # noqa: E402 - as above

TARGET = ROOT / "docs" / "images" / "layer.png"
WIDTH = 820
"""Pixels of the widget; its margins are cut off."""

MODEL = """
import time
import torch
from torch import nn
from gradwidget import GradWidget

class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(32, 24), nn.Linear(48, 32)
        self.body = nn.LSTM(24, 48, batch_first=True)

    def forward(self, tokens):
        return self.head(self.body(self.embed(tokens))[0][:, -1])

torch.manual_seed(0)
torch.set_num_threads(1)
model = Reader()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
w = GradWidget(model, budget=None)
w
"""

LOOP = """
for step in range(150):
    tokens = torch.randint(0, 32, (64, 16))
    loss = nn.functional.cross_entropy(model(tokens), tokens[:, -4])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    time.sleep(0.03)
"""


def main() -> None:
    """Writes the PNG."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = launch(playwright)
        with serving("lab", Path(folder)) as server:
            codes = (MODEL, LOOP, "pass")
            write_notebook(server.folder / "layer.ipynb", codes)
            page = browser.new_page(viewport={"width": 1700, "height": 1500})
            notebook = Notebook(page, server.url("layer.ipynb"), len(codes))
            notebook.run(0)
            region = notebook.widget(0)
            region.evaluate(
                "(node, width) => { node.parentElement.style.width = `${width}px`; }", WIDTH
            )
            region.get_by_role("button", name="body", exact=True).click()
            notebook.run(1)
            detail = region.get_by_label("Layer detail")
            for title in ("gradient", "weight", "activation", "dL.dh"):
                expect(
                    detail.get_by_role("img", name=re.compile(f"^{title}, step "))
                ).to_be_visible()
            few_colors(detail.screenshot()).save(TARGET, optimize=True)
        browser.close()
    print(f"{TARGET.relative_to(ROOT)}: {TARGET.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    main()
