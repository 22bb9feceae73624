"""The picture in real JupyterLab, used with mouse and keyboard while a training cell runs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast, get_args
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Locator, Page, expect

from gradwidget.diagnose.thresholds import DEFAULT
from tests.support.access import violations
from tests.support.notebook import BUSY, Notebook, turn_dark, write_notebook
from tests.support.server import App, JupyterServer, serving, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

SICK = """
import time
import torch
from torch import nn
from gradwidget import GradWidget

torch.manual_seed(0)
torch.set_num_threads(1)
layers = [layer for _ in range(8) for layer in (nn.Linear(16, 16), nn.Sigmoid())]
model = nn.Sequential(*layers, nn.Linear(16, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
w = GradWidget(model, budget=None)
w
"""

DEEP = SICK.replace(
    "layers = [layer for _ in range(8) for layer in (nn.Linear(16, 16), nn.Sigmoid())]\n"
    "model = nn.Sequential(*layers, nn.Linear(16, 4))",
    "inside = lambda: (nn.LayerNorm(16), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 16))\n"
    "block = lambda: nn.Sequential(*inside())\n"
    "model = nn.Sequential(*(block() for _ in range(30)), nn.Linear(16, 4))",
)

LOOP = """
while True:
    x = torch.randn(32, 16)
    loss = (model(x) - x[:, :4]).square().mean()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    time.sleep(0.02)
"""

# With a last cell below it, the notebook keeps the loop's cell in sight.
AFTER = "pass"

Train = Callable[[str], Locator]
"""Trains a model made by the code given, and finds its picture."""


@pytest.fixture(scope="module")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[JupyterServer]:
    """JupyterLab, unless a test asks for others."""
    app, *without = getattr(request, "param", "lab").split(" without ")
    state = tmp_path_factory.mktemp("server")
    with serving(cast("App", app), state, without) as running:
        yield running


# The last has bars of our own for good.
HOSTS = [*get_args(App), "lab without bqplot"]
everywhere = pytest.mark.parametrize(
    "server", HOSTS, indirect=True, ids=lambda host: host.replace(" ", "-")
)


@pytest.fixture
def train(page: Page, server: JupyterServer, request: pytest.FixtureRequest) -> Iterator[Train]:
    """Opens a notebook of the test's own and starts its loop; ends the kernel after the test."""

    def start(model: str) -> Locator:
        notebook = opened(page, server, request.node.name, model, LOOP)
        notebook.run(0)
        notebook.start(1)
        region = notebook.widget(0)
        wait_until(lambda: (step_of(region) or 0) > 30, "step 30")
        return region

    yield start
    end_kernels(server)


def end_kernels(server: JupyterServer) -> None:
    """Ends the loops, which would run forever."""
    address = urlsplit(server.url("any.ipynb"))
    headers = {"Authorization": f"token {parse_qs(address.query)['token'][0]}"}
    kernels = f"http://{address.netloc}/api/kernels"
    with urlopen(Request(kernels, headers=headers), timeout=30) as answer:
        running = json.load(answer)
    for kernel in running:
        gone = Request(f"{kernels}/{kernel['id']}", headers=headers, method="DELETE")  # noqa: S310 - as above
        urlopen(gone, timeout=30).close()  # noqa: S310 - as above


def opened(page: Page, server: JupyterServer, name: str, *codes: str) -> Notebook:
    """A new notebook with these cells."""
    write_notebook(server.folder / f"{name}.ipynb", (*codes, AFTER))
    # Reset: JupyterLab would open what the test before left open, too.
    return Notebook(page, server.url(f"{name}.ipynb") + "&reset", len(codes) + 1)


def step_of(region: Locator) -> int | None:
    step = region.locator("[data-step]").get_attribute("data-step")
    return None if step is None else int(step)


def rows_of(region: Locator) -> list[str]:
    rows = region.get_by_role("row")
    names: list[str] = rows.evaluate_all("rows => rows.map(row => row.getAttribute('aria-label'))")
    return names


def busy(page: Page) -> bool:
    return BUSY in page.locator(".jp-InputPrompt").all_inner_texts()


@everywhere
def test_everything_works_while_the_kernel_is_busy(
    page: Page, train: Train, screenshots: Path
) -> None:
    region = train(SICK)
    slider = region.get_by_role("slider", name="Step shown")
    live = region.get_by_role("button", name="Live")

    # Travel with the mouse: bars, headline and slider show the past while training continues.
    box = slider.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    expect(live).to_have_attribute("aria-pressed", "false")
    past = wait_until(lambda: step_of(region), "a step of the past")
    newest = int(slider.get_attribute("aria-valuemax") or 0)
    assert past < newest / 2
    expect(region.get_by_text("step shown")).to_be_visible()
    then = rows_of(region)
    wait_until(
        lambda: int(slider.get_attribute("aria-valuemax") or 0) > newest, "training to continue"
    )
    assert rows_of(region) == then
    region.screenshot(path=screenshots / "picture-travel.png")

    # Travel with the keyboard, and back.
    slider.focus()
    page.keyboard.press("ArrowRight")
    wait_until(lambda: (step_of(region) or 0) > past, "one step on")
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuenow", "0")
    page.keyboard.press("End")
    expect(live).to_have_attribute("aria-pressed", "true")
    wait_until(lambda: (step_of(region) or 0) > newest, "live again")

    # The finding that opened has brought its metric; the reader's own choice stays.
    expect(region.get_by_label("Metric")).to_have_value("act_grad_rms")
    region.get_by_label("Metric").select_option("weight_norm")
    expect(region.get_by_role("row").first).to_have_accessible_name(
        re.compile(", weight norm [0-9.]+$")
    )
    region.get_by_label("Metric").select_option("act_saturated_fraction")
    expect(region.locator(".gw-value-axis")).to_contain_text("100%")
    # The rule's bound is drawn where the axis has it, and its meaning is under the pointer.
    share = 100 * DEFAULT.saturated_share
    assert region.locator(".gw-bound-lines i").evaluate(
        "line => parseFloat(line.style.left)"
    ) == pytest.approx(share)
    region.get_by_role("row").first.hover()
    expect(region.locator(".gw-tooltip")).to_contain_text(
        f"limit {share:.0f}%: saturated above {share:.0f}%"
    )
    region.get_by_label("Metric").select_option("act_grad_rms")
    expect(region.locator(".gw-bound-lines i")).to_have_count(1)
    expect(region.locator(".gw-tooltip")).to_contain_text(
        f"vanishing below {DEFAULT.vanishing_ratio:g} of the last"
    )
    region.get_by_label("Metric").select_option("grad_rms")

    # A layer's detail, opened by keyboard.
    region.get_by_role("button", name="Linear 0", exact=True).first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    detail = region.get_by_label("Layer detail")
    expect(detail).to_contain_text("weight 16×16")
    expect(detail).to_contain_text("update ratio")
    detail.get_by_role("button", name="Close").click()
    expect(detail).to_be_hidden()

    # A finding shows where it is and when it began, and its code.
    finding = region.get_by_role("list", name="Findings").get_by_role("listitem").first
    expect(finding).to_have_text(re.compile("^Vanishing gradients"))
    finding.get_by_role("button", name=re.compile("^Linear 0–")).click()
    expect(region.locator(".gw-row.gw-highlighted").first).to_be_visible()
    expect(region.get_by_label("Metric")).to_have_value("act_grad_rms")
    finding.get_by_role("heading").click()
    expect(region.locator(".gw-row.gw-highlighted")).to_have_count(0)
    finding.get_by_role("button", name=re.compile("^since step")).click()
    expect(live).to_have_attribute("aria-pressed", "false")
    live.click()
    finding.get_by_role("button", name="Code").first.click()
    expect(finding.locator("pre").first).to_be_visible()
    assert finding.evaluate("card => card.scrollWidth <= card.clientWidth"), (
        "code wider than its card"
    )

    assert busy(page)


def test_a_second_view_shows_the_same_run(page: Page, train: Train) -> None:
    region = train(SICK)
    region.get_by_role("status").click(button="right")
    page.get_by_role("menuitem", name="Create New View for Cell Output").click()
    second = page.get_by_role("region", name="gradwidget: Sequential").nth(1)
    wait_until(
        lambda: second.locator("rect.bar").count() == second.get_by_role("row").count() > 0,
        "bars in both",
    )
    wait_until(lambda: step_of(second) == step_of(region), "the same step in both")


def test_a_tab_that_was_hidden_for_a_while_has_missed_nothing(page: Page, train: Train) -> None:
    region = train(SICK)
    slider = region.get_by_role("slider")
    # What hiding does to a page: nothing asks for a frame to be drawn until it is shown again.
    last = slider.evaluate(
        """(slider) => {
            const waiting = [], drawn = window.requestAnimationFrame;
            window.requestAnimationFrame = (callback) => waiting.push(callback);
            window.showAgain = () => {
                window.requestAnimationFrame = drawn;
                waiting.forEach((each) => drawn(each));
            };
            return slider.getAttribute("aria-valuemax");
        }"""
    )
    # One drawing still comes: each is made before the frame that would show it.
    wait_until(lambda: slider.get_attribute("aria-valuemax") != last, "the last drawing")
    before = int(slider.get_attribute("aria-valuemax") or 0)
    page.wait_for_timeout(4000)  # the stretch over which nothing is drawn
    assert int(slider.get_attribute("aria-valuemax") or 0) == before
    page.evaluate("showAgain()")
    wait_until(lambda: (step_of(region) or 0) > before + 20, "the newest step")
    newest = int(slider.get_attribute("aria-valuemax") or 0)
    box = slider.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * (before + 10) / newest, box["y"] + box["height"] / 2)
    wait_until(lambda: before < (step_of(region) or 0) < newest, "a step of that stretch")
    assert step_of(region) == int(slider.get_attribute("aria-valuenow") or -1)


@everywhere
def test_a_page_that_is_reloaded_in_the_middle_of_a_cell_has_the_whole_run_at_once(
    page: Page, server: JupyterServer, train: Train, request: pytest.FixtureRequest
) -> None:
    region = train(SICK)
    region.get_by_role("button", name="Pause", exact=True).focus()
    page.keyboard.press("Control+s")
    saved = server.folder / f"{request.node.name}.ipynb"
    wait_until(
        lambda: "application/vnd.jupyter.widget-view" in saved.read_text(encoding="utf-8"),
        "the save",
    )
    before = wait_until(lambda: step_of(region), "a step")

    # The loop has no end: whatever is shown from now on is shown while the cell runs.
    page.reload()
    expect(region.get_by_role("row").first).to_be_visible(timeout=60_000)
    expect(page.locator(".gw-static").first).to_be_hidden()
    shown = wait_until(lambda: (step_of(region) or 0) > before and step_of(region), "a newer step")
    wait_until(lambda: (step_of(region) or 0) > shown, "the picture to move")
    expect(region.get_by_role("slider")).to_have_attribute("aria-valuemin", "0")
    wait_until(
        lambda: region.locator("rect.bar").count() == region.get_by_role("row").count(), "the bars"
    )

    region.get_by_role("button", name="Pause", exact=True).click()
    held = region.get_by_text(re.compile("Paused after step"))
    expect(held).to_be_visible()
    where = held.inner_text()
    page.reload()
    expect(held).to_have_text(where, timeout=60_000)
    region.get_by_role("button", name="Resume", exact=True).click()
    shown = step_of(region) or 0
    wait_until(lambda: (step_of(region) or 0) > shown + 5, "the run to continue")


@everywhere
def test_many_layers_are_grouped_opened_and_found(
    page: Page, train: Train, screenshots: Path
) -> None:
    region = train(DEEP)
    closed = region.get_by_role("row").count()
    assert closed <= 64
    first = region.locator(".gw-row[data-kind=closed] button").first
    first.click()
    wait_until(lambda: region.get_by_role("row").count() > closed, "the members of the group")
    wait_until(lambda: aligned(region), "bars beside their rows")
    region.screenshot(path=screenshots / "picture-grouped.png")

    # A layer is found by its name, its groups open, and Enter goes to its row.
    region.get_by_role("button", name="Pause", exact=True).focus()
    page.keyboard.press("/")
    field = region.get_by_role("searchbox", name="Find a layer by its name")
    expect(field).to_be_focused()
    page.keyboard.type("28.3")
    expect(region.get_by_role("search")).to_contain_text("1 of 1")
    page.keyboard.press("Enter")
    row = region.locator(".gw-row.gw-found")
    expect(row.get_by_role("button", name="Linear 3", exact=True)).to_be_focused()
    expect(row).to_be_in_viewport(ratio=1)
    page.keyboard.press("/")
    page.keyboard.press("Escape")
    expect(row).to_have_count(0)
    # Typed into the field, a key is no command.
    assert busy(page)
    expect(region.get_by_role("button", name="Pause", exact=True)).to_be_visible()


@everywhere
def test_nothing_keeps_an_assistive_reader_out_in_light_and_dark(
    page: Page, train: Train, root: Path, screenshots: Path
) -> None:
    region = train(SICK)
    region.get_by_role("button", name="Code").first.click()
    for fold in region.locator(".gw-card details:not([open]) > summary").all():
        fold.click()
    region.get_by_role("button", name="What “Vanishing gradients” means").click()
    expect(region.get_by_text(re.compile("^Hardly any gradient"))).to_be_visible()
    region.get_by_role("button", name="More figures and settings").click()
    expect(region.get_by_text("total norm", exact=True)).to_be_visible()
    assert violations(page, root) == []
    turn_dark(page)
    assert violations(page, root) == []
    region.screenshot(path=screenshots / "picture-dark.png")


def aligned(region: Locator) -> bool:
    """Whether each bar is at the height of its row, to a pixel."""
    middles = json.loads(
        region.evaluate(
            """(region) => {
                const middle = (node) => {
                    const box = node.getBoundingClientRect();
                    return box.top + box.height / 2;
                };
                const found = (selector) => [...region.querySelectorAll(selector)];
                const all = (selector) => found(selector).map(middle).sort((a, b) => a - b);
                return JSON.stringify([all(".gw-row"), all("rect.bar")]);
            }"""
        )
    )
    rows, bars = middles
    return len(rows) == len(bars) and all(
        abs(row - bar) <= 1 for row, bar in zip(rows, bars, strict=True)
    )
