"""A layer inspected in real JupyterLab: while the cell runs, while it is paused, and afterwards."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from playwright.sync_api import Locator, expect

from tests.support.access import violations
from tests.support.console import SubshellConsole
from tests.support.labels import faults
from tests.support.notebook import BUSY, Notebook, turn_dark
from tests.support.reading import number
from tests.support.server import App, wait_until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.parametrize("app", get_args(App)),
]

MODEL = """
import time
import torch
from torch import nn
from gradwidget import GradWidget

class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Linear(8, 16, bias=False), nn.Linear(16, 4)
        self.body = nn.LSTM(16, 16, batch_first=True)
        self.loose = nn.Linear(16, 16, bias=False)  # used without being called

    def forward(self, x):
        last = self.body(torch.tanh(self.embed(x)))[0][:, -1]
        return self.head(last + last @ self.loose.weight)

torch.manual_seed(0)
torch.set_num_threads(1)
model = Reader()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
goes_on, greatest = True, {}
w = GradWidget(model)
w
"""

LOOP = """
while goes_on:
    optimizer.zero_grad()
    model(torch.randn(16, 12, 8)).square().mean().backward()
    gradient = model.embed.weight.grad
    at = int(gradient.abs().argmax())
    greatest[len(greatest)] = [at // 8, at % 8, float(gradient.flatten()[at])]
    optimizer.step()
    time.sleep(0.01)
"""

CELLS = (MODEL, LOOP, "pass")
HAS_BEGUN = "len(greatest) > 30"

STEP = re.compile(r"step ([\d,]+)")


def histogram(detail: Locator, title: str) -> str:
    """What a histogram says of itself; empty while there is none."""
    images = detail.get_by_role("img", name=re.compile(f"^{title}, "))
    return images.get_attribute("aria-label") or "" if images.count() else ""


def step_of(words: str) -> int:
    found = STEP.search(words)
    return int(found[1].replace(",", "")) if found else -1


def heatmap(region: Locator) -> str:
    """The picture that the heatmap is."""
    return str(region.locator("canvas.gw-heatmap").evaluate("canvas => canvas.toDataURL()"))


def widths(region: Locator) -> list[float]:
    """How far the lines of loss and norm go, as shares of the timeline."""
    shares: list[float] = region.locator(".gw-timeline-plot path").evaluate_all(
        """lines => lines.map((line) => {
            const width = (node) => node.getBoundingClientRect().width;
            return width(line) / width(line.closest(".gw-timeline"));
        })"""
    )
    return shares


def open_layer(region: Locator, name: str) -> Locator:
    region.get_by_role("button", name=name, exact=True).first.click()
    return region.get_by_label("Layer detail")


def test_a_layer_is_inspected_while_the_cell_runs_while_it_is_paused_and_afterwards(
    notebook: Notebook, console: SubshellConsole, root: Path, screenshots: Path
) -> None:
    page, region = notebook.page, notebook.widget(0)

    # While the cell runs, and ever again.
    detail = open_layer(region, "embed")
    wait_until(
        lambda: step_of(histogram(detail, "activation")) > 0, "the first histogram of the output"
    )
    first = step_of(histogram(detail, "gradient"))
    assert first > 0
    assert "128 entries" in histogram(detail, "weight")
    wait_until(lambda: step_of(histogram(detail, "gradient")) > first, "a newer one")
    expect(detail).to_contain_text("after tanh")
    expect(detail).to_contain_text("runs once per step")
    expect(notebook.prompt(1)).to_have_text(BUSY)

    # Paused: the step that was done last, and its greatest entry, of a layer that nobody had open
    # before.
    detail.get_by_role("button", name="Close").click()
    wait_until(
        lambda: console.evaluate("not w.monitor._session.capture.cycle.inspector._until"),
        "nobody to inspect it any more",
    )
    controls = region.get_by_role("group", name="Control of the running loop")
    controls.get_by_role("button", name="Pause", exact=True).click()
    expect(region).to_contain_text("Paused after step")
    paused = int(console.evaluate("w.monitor._session.control.gate.state.step"))
    assert console.evaluate("model.embed.weight.grad is None"), (
        "the loop has cleared it, and yet it is shown"
    )
    detail = open_layer(region, "embed")
    wait_until(
        lambda: step_of(histogram(detail, "gradient")) == paused,
        "the gradient of the step that was done last",
    )
    assert step_of(histogram(detail, "weight")) == paused
    row, column, value = console.evaluate(f"greatest[{paused}]")
    entry = (
        detail.get_by_role("list", name="Largest gradient entries").get_by_role("listitem").first
    )
    shown = re.fullmatch(r"weight\[(\d+), (\d+)\] = (.+)", entry.inner_text())
    assert shown, entry.inner_text()
    assert (int(shown[1]), int(shown[2])) == (row, column)
    assert number(shown[3]) == pytest.approx(value, rel=0.05)
    controls.get_by_role("button", name="Step", exact=True).click()
    wait_until(
        lambda: step_of(histogram(detail, "activation")) == paused + 1,
        "the output in the next step",
    )
    assert step_of(histogram(detail, "gradient")) == paused + 1

    # The gradient of a recurrent layer by time step.
    detail = open_layer(region, "body")
    expect(
        detail.get_by_role("img", name=re.compile("^dL.dh, step .+ of 12 time steps$"))
    ).to_be_visible()
    assert violations(page, root) == []
    detail.screenshot(path=screenshots / "inspection-wide.png")
    detail = open_layer(region, "embed")
    wait_until(
        lambda: step_of(histogram(detail, "activation")) == paused + 1, "what was seen of it before"
    )
    region.page.set_viewport_size({"width": 1900, "height": 1400})
    region.screenshot(path=screenshots / "inspection-side.png")
    region.page.set_viewport_size({"width": 1360, "height": 1000})
    detail.screenshot(path=screenshots / "inspection-seen.png")
    region.evaluate("region => { region.style.width = '480px' }")
    wait_until(lambda: (detail.bounding_box() or {"width": 999})["width"] < 480, "a narrow picture")
    assert faults(region) == []
    detail.screenshot(path=screenshots / "inspection-480.png")
    region.evaluate("region => { region.style.width = '' }")
    light = heatmap(region)
    turn_dark(page)
    wait_until(lambda: heatmap(region) != light, "a heatmap in the colors of the dark")
    wait_until(
        lambda: widths(region) == pytest.approx([1, 1], abs=0.01), "lines as wide as the timeline"
    )
    expect(region.locator(".gw-usual-ranges path")).to_have_attribute(
        "d", re.compile(r"^(M[\d.]+ [\d.]+H[1-9][\d.]*)+$")
    )
    assert violations(page, root) == []
    detail.screenshot(path=screenshots / "inspection-dark.png")
    region.screenshot(path=screenshots / "inspection-region-dark.png")
    assert faults(region) == []

    # Why something of a layer is not measured: in its detail, and under the pointer on its row.
    detail = open_layer(region, "loose")
    expect(detail.locator(".gw-reason")).to_contain_text(
        "its parameters are used without calling it"
    )
    region.get_by_role("row", name=re.compile("^loose: ")).hover()
    expect(region.locator(".gw-tooltip")).to_contain_text("so its output is not measured")
    region.screenshot(path=screenshots / "inspection-reason.png")

    # Nothing runs: at once.
    console.execute("goes_on = False; w.resume()")
    notebook.finish(1)
    last = int(console.evaluate("len(greatest)")) - 1
    detail = open_layer(region, "head")
    wait_until(
        lambda: step_of(histogram(detail, "gradient")) == last,
        "the gradient that the last step has left",
    )
