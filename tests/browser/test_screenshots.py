"""Pictures of models of every size and condition, to be looked at; no text is cut or covered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.labels import faults
from tests.support.notebook import Notebook, choose, turn_dark, write_notebook
from tests.support.server import JupyterServer, serving, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

CASES = [
    (4, "healthy"),
    (4, "exploding"),
    (24, "vanishing"),
    (24, "non-finite"),
    (60, "healthy"),
    (60, "non-finite"),
    (300, "vanishing"),
    (300, "exploding"),
    (1000, "vanishing"),
]
WIDTHS = {"light": (480, 900, 1000, 1600), "dark": (480, 1600)}
MARKS = {"vanishing": "▼", "exploding": "▲", "non-finite": "✕"}
GALLERY = "tests/support/gallery.py"

HIGHEST = 640
"""Pixels that a picture 1,000 pixels wide has at most, so that it shares a screen with its loop."""

Case = tuple[int, str]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    state = tmp_path_factory.mktemp("server")
    with serving("lab", state) as running:
        yield running


@pytest.fixture
def tall_page(chromium: Browser) -> Iterator[Page]:
    """High enough for a whole picture, so that no part of it is cut off by the notebook."""
    context = chromium.new_context(viewport={"width": 2200, "height": 2900})
    yield context.new_page()
    context.close()


def test_every_size_and_condition_can_be_read(
    server: JupyterServer, tall_page: Page, root: Path, screenshots: Path
) -> None:
    codes = [
        (root / GALLERY).read_text(encoding="utf-8"),
        *(f"w = trained({size}, {name!r})\nw" for size, name in CASES),
    ]
    write_notebook(server.folder / "gallery.ipynb", codes)
    notebook = Notebook(tall_page, server.url("gallery.ipynb"), len(codes))
    notebook.run(0)
    choose(tall_page, "Run", "Run All Cells")
    wrong: list[str] = []
    for number, case in enumerate(CASES):
        notebook.finish(1 + number)
        region = shown(notebook, number)
        assert_what_is_wrong_has_a_row(region, case)
        wrong += shoot(region, case, "light", screenshots)
    turn_dark(tall_page)
    for number, case in enumerate(CASES):
        wrong += shoot(shown(notebook, number), case, "dark", screenshots)
    assert not wrong, "\n".join(wrong)


def shown(notebook: Notebook, number: int) -> Locator:
    """The picture of a case, in sight, with its bars."""
    cell = notebook.cells.nth(1 + number)
    cell.scroll_into_view_if_needed()
    region = cell.get_by_role("region", name="gradwidget: Chain")
    expect(region.get_by_role("status")).not_to_have_text("Waiting", timeout=60_000)
    rows = region.get_by_role("row")
    wait_until(lambda: region.locator("rect.bar").count() == rows.count() > 0, "a bar for each row")
    return region


def shoot(region: Locator, case: Case, theme: str, folder: Path) -> list[str]:
    """Takes the pictures of one case; returns what is wrong with their texts."""
    size, condition = case
    wrong: list[str] = []
    longest = longest_bar(region)
    for width in WIDTHS[theme]:
        region.evaluate(
            "(node, width) => { node.parentElement.style.width = `${width}px`; }", width
        )
        wait_until(
            lambda: longest_bar(region) == pytest.approx(longest, abs=0.02),
            "the bars to follow the width",
        )
        name = f"{size:04}-{condition}-{theme}-{width}"
        region.screenshot(path=folder / f"{name}.png")
        wrong += [f"{name}: {fault}" for fault in faults(region)]
        box = region.bounding_box()
        if width == 1000 and (box is None or box["height"] >= HIGHEST):
            wrong.append(f"{name}: too high: {box}")
    return wrong


def longest_bar(region: Locator) -> float:
    """Where the longest bar ends, as a share of the axis."""
    return float(
        region.evaluate(
            """(region) => {
                const plot = region.querySelector(".gw-plot").getBoundingClientRect();
                const bars = [...region.querySelectorAll("rect.bar")];
                const ends = bars.map((bar) => bar.getBoundingClientRect().right);
                return (Math.max(...ends) - plot.left) / plot.width;
            }"""
        )
    )


def assert_what_is_wrong_has_a_row(region: Locator, case: Case) -> None:
    """Every layer that a finding names has the finding's mark on its row, or on a closed group."""
    _, condition = case
    rows = {}
    for row in region.get_by_role("row").all():
        name, _, words = (row.get_attribute("aria-label") or "").partition(": ")
        rows[name] = (words.partition(",")[0], row.inner_text())
    if condition == "healthy":
        assert {state for state, _ in rows.values()} == {"ok"}
        return
    sick = [text for state, text in rows.values() if state == condition]
    assert sick
    assert all(MARKS[condition] in text for text in sick)
    named = (
        region.locator(".gw-card[data-active=true]")
        .first.locator(":scope > .gw-place .gw-finding-layers button")
        .evaluate_all("buttons => buttons.flatMap((button) => button.title.split(', '))")
    )
    for layer in named:
        shown = [name for name in rows if is_within(layer, name)]
        assert shown, f"{layer} has no row"
        assert all(rows[name][0] == condition for name in shown), (
            f"a row above {layer} hides its state"
        )


def is_within(layer: str, row: str) -> bool:
    """Whether a row is that of a layer or of a group that it is in."""
    if layer == row or layer.startswith(f"{row}."):
        return True
    numbers = re.fullmatch(r"(.*\.)(\d+)–(\d+)", row)
    if numbers is None or not layer.startswith(numbers[1]):
        return False
    number = layer.removeprefix(numbers[1]).partition(".")[0]
    return number.isdigit() and int(numbers[2]) <= int(number) <= int(numbers[3])
