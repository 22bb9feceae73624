"""What a page shows where something is missing or over: its parts, the kernel, the widget."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from gradwidget.view.kernel.server import PARTS
from tests.support.notebook import Notebook, choose, write_notebook
from tests.support.server import JupyterServer, serving, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

SICK = """
import torch
from torch import nn
from gradwidget import GradWidget

torch.manual_seed(0)
torch.set_num_threads(1)
def network():
    layers = [layer for _ in range(8) for layer in (nn.Linear(16, 16), nn.Sigmoid())]
    return nn.Sequential(*layers, nn.Linear(16, 4))

def train(model, steps=60):
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    for _ in range(steps):
        x = torch.randn(32, 16)
        (model(x) - x[:, :4]).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()

model = network()
w = GradWidget(model, budget=None)
w
"""
VERDICT = "Vanishing gradients in 6 of 9 layers"
LAST = "The kernel has ended: this is the last picture."


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[JupyterServer]:
    """JupyterLab, in an environment without the packages that a test names."""
    with serving("lab", tmp_path, getattr(request, "param", ())) as running:
        yield running


def opened(page: Page, server: JupyterServer, *codes: str) -> Notebook:
    write_notebook(server.folder / "loop.ipynb", codes)
    return Notebook(page, server.url("loop.ipynb"), len(codes))


@pytest.mark.parametrize(
    ("server", "package"),
    [(("ipywidgets",), "ipywidgets"), (("anywidget",), "anywidget")],
    indirect=["server"],
)
def test_a_page_that_lacks_a_part_says_what_to_install_and_after_a_reload_shows_the_picture(
    page: Page, server: JupyterServer, package: str, tmp_path: Path
) -> None:
    notebook = opened(page, server, SICK, "train(model)", "train(model)")
    notebook.run(0)
    notebook.run(1)
    prefix = tmp_path / "env"
    said = page.locator(".gw-static").get_by_text(f"runs in {prefix}, which lacks {package}.")
    expect(said).to_be_visible()
    expect(said).to_contain_text(f"{prefix}/bin/python -m pip install {package};")
    # The last state is there all the same.
    expect(page.locator(".gw-static").get_by_text(VERDICT)).to_be_visible()
    expect(page.get_by_text("Waiting for the first step")).to_have_count(0)

    part = Path("share/jupyter/labextensions") / PARTS[package]
    (prefix / part).parent.mkdir(parents=True, exist_ok=True)
    (prefix / part).symlink_to(Path(sys.prefix) / part)
    page.keyboard.press("Control+s")
    wait_until(
        lambda: VERDICT in (server.folder / "loop.ipynb").read_text(encoding="utf-8"), "the save"
    )
    page.reload()
    region = notebook.widget(0)
    expect(region.get_by_role("status").first).to_contain_text(VERDICT, timeout=60_000)
    expect(page.locator(".gw-static")).to_be_hidden()
    notebook.run(2)
    wait_until(
        lambda: "which lacks" not in str(server.evaluate("w._static_content()")),
        "it to be forgotten",
    )


def test_after_a_restart_of_the_kernel_the_last_picture_stays_and_says_so(
    page: Page, server: JupyterServer, screenshots: Path
) -> None:
    notebook = opened(page, server, SICK, "train(model)")
    notebook.run(0)
    notebook.run(1)
    region = notebook.widget(0)
    expect(region.get_by_role("status").first).to_contain_text(VERDICT)
    wait_until(lambda: region.locator(".bqplot rect.bar").count() == 9, "bqplot's bars")
    left = "bar => bar.getBoundingClientRect().left"
    before = region.locator("rect.bar").first.evaluate(left)

    choose(page, "Kernel", "Restart Kernel…")
    page.locator("dialog button", has_text="Restart").click()
    expect(region.get_by_text(LAST)).to_be_visible(timeout=60_000)
    for name in ("Pause", "Step"):
        expect(region.get_by_role("button", name=name, exact=True).first).to_be_disabled()
    expect(region.get_by_role("status").first).to_contain_text(VERDICT)
    assert region.locator("rect.bar").first.evaluate(left) == before
    region.screenshot(path=screenshots / "host-restarted.png")


def test_a_notebook_that_is_opened_again_shows_the_saved_picture_and_no_error(
    page: Page, server: JupyterServer, screenshots: Path
) -> None:
    notebook = opened(page, server, SICK, "train(model)")
    notebook.run(0)
    notebook.run(1)
    notebook.select(0)
    page.keyboard.press("Control+s")
    saved = server.folder / "loop.ipynb"
    wait_until(lambda: VERDICT in saved.read_text(encoding="utf-8"), "the save")
    choose(page, "Kernel", "Shut Down Kernel")
    expect(notebook.widget(0).get_by_text(LAST)).to_be_visible(timeout=60_000)

    page.goto(server.url("loop.ipynb") + "&reset")
    expect(page.locator(".gw-static")).to_be_visible(timeout=60_000)
    expect(page.locator(".gw-static")).to_contain_text(VERDICT)
    # ipywidgets looks for the widget for a while before it says that it found none.
    error = page.get_by_text("model not found")
    wait_until(lambda: error.count() == 1, "ipywidgets to give up")
    expect(error).to_be_hidden()
    page.locator(".jp-Notebook").screenshot(path=screenshots / "host-opened-again.png")


def test_two_widgets_side_by_side_share_the_width(
    page: Page, server: JupyterServer, screenshots: Path
) -> None:
    two = "import ipywidgets\nothers = [network(), network()]\n"
    two += "box = ipywidgets.HBox([GradWidget(other, budget=None) for other in others])\nbox"
    notebook = opened(page, server, SICK, two, "for other in others:\n    train(other)")
    for number in range(3):
        notebook.run(number)
    regions = [notebook.widget(1), notebook.widget(2)]
    for region in regions:
        expect(region.get_by_role("status").first).to_contain_text("Vanishing gradients")
    cell = notebook.cells.nth(1).locator(".jp-Cell-outputArea").bounding_box()
    boxes = [region.bounding_box() for region in regions]
    assert cell is not None
    widths = [box["width"] for box in boxes if box is not None]
    assert len(widths) == 2
    assert widths[0] == pytest.approx(widths[1], abs=2)
    assert sum(widths) > 0.8 * cell["width"]
    notebook.cells.nth(1).screenshot(path=screenshots / "host-side-by-side.png")
