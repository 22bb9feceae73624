"""Makes docs/images/live.gif: the first cell of the README, run in real JupyterLab.

``.venv/bin/python scripts/make_moving_picture.py``
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from time import monotonic

from PIL import Image
from playwright.sync_api import FloatRect, expect, sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from scripts.screenshot import few_colors, in_colors_of  # noqa: E402 - found only with the root on the path
from tests.support.chromium import launch  # noqa: E402 - as above
from tests.support.notebook import Notebook, write_notebook  # noqa: E402 - as above
from tests.support.server import serving  # noqa: E402 - as above

TARGET = ROOT / "docs" / "images" / "live.gif"
WIDTH, HEIGHT = 900, 612
"""Pixels of the widget that are shown."""
SECONDS, PER_SECOND = 6.0, 5


def main() -> None:
    """Writes the GIF."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(import torch\n.*?)```", readme, re.DOTALL)
    if found is None:
        sys.exit("the README has no cell that begins with `import torch`")
    cell = f"import torch\ntorch.manual_seed(0)\ntorch.set_num_threads(1)\n{found[1]}"
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = launch(playwright)
        with serving("lab", Path(folder)) as server:
            codes = ["import gradwidget.widget, torch", cell, "pass"]
            write_notebook(server.folder / "live.ipynb", codes)
            page = browser.new_page(viewport={"width": 1700, "height": 1500})
            notebook = Notebook(page, server.url("live.ipynb"), len(codes))
            notebook.run(0)
            notebook.start(1)
            region = notebook.widget(0)
            expect(region).to_be_visible(timeout=60_000)
            region.evaluate(
                "(node, width) => { node.parentElement.style.width = `${width}px`; }", WIDTH
            )
            region.scroll_into_view_if_needed()
            box = region.evaluate(
                "node => { const { x, y } = node.getBoundingClientRect(); return { x, y }; }"
            )
            clip: FloatRect = {"x": box["x"], "y": box["y"], "width": WIDTH, "height": HEIGHT}
            frames: list[bytes] = []
            began = monotonic()
            while len(frames) < SECONDS * PER_SECOND:
                frames.append(page.screenshot(clip=clip))
                page.wait_for_timeout(
                    max(0.0, 1000 * (began + len(frames) / PER_SECOND - monotonic()))
                )
        browser.close()
    # One palette for all of them: that of the last, which shows most. An octree's has no greys to
    # spare for the others.
    palette = few_colors(frames[-1], Image.Quantize.MEDIANCUT)
    first, *rest = [in_colors_of(palette, frame) for frame in frames]
    durations = [1000 // PER_SECOND] * (len(frames) - 1) + [3000]
    first.save(TARGET, save_all=True, append_images=rest, duration=durations, loop=0)
    print(f"{TARGET.relative_to(ROOT)}: {TARGET.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    main()
