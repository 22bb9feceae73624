"""A notebook in a page, used as a person does: select a cell, press Shift+Enter, see its prompt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import nbformat
from playwright.sync_api import Locator, Page, expect

BUSY = "[*]:"
DONE = re.compile(r"\[\d+\]:")

TRIES = 12
START = 120_000
RUN = 300_000
"""Milliseconds that a start and a training cell may take at most on a slow machine."""


def write_notebook(path: Path, codes: Sequence[str]) -> None:
    """Writes a notebook of code cells that has not been run."""
    cells = [nbformat.v4.new_code_cell(code.strip()) for code in codes]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)


class Notebook:
    """An open notebook whose kernel is ready.

    Args:
        page: where it is opened.
        url: its address.
        count: how many cells it has.
        status: of its kernel, as a pattern.
    """

    def __init__(self, page: Page, url: str, count: int, status: str = "idle|unknown") -> None:
        self.page = page
        self.count = count
        page.goto(url)
        self.cells = page.locator(".jp-Notebook .jp-Cell")
        expect(self.cells).to_have_count(count, timeout=START)
        self.status = page.locator(
            ".jp-Notebook-ExecutionIndicator, .jp-Toolbar-kernelStatus"
        ).first
        expect(self.status).to_have_attribute("data-status", re.compile(status), timeout=START)

    def prompt(self, index: int) -> Locator:
        """The ``[ ]:`` beside a code cell."""
        return self.cells.nth(index).locator(".jp-InputPrompt")

    def select(self, index: int) -> None:
        """Makes a cell the one that Shift+Enter runs."""
        self.cells.nth(index).scroll_into_view_if_needed()
        self.cells.nth(index).locator(".jp-InputPrompt").click()

    def start(self, index: int) -> None:
        """Runs a code cell and does not wait for it."""
        empty = self.prompt(index).filter(has_text="[ ]:")
        for _ in range(TRIES):
            self.select(index)
            self.page.keyboard.press("Shift+Enter")
            # A kernel that is not connected yet swallows the request, and the prompt stays empty.
            try:
                expect(empty).to_have_count(0, timeout=START / TRIES)
            except AssertionError:
                continue
            return
        expect(empty).to_have_count(0)

    def finish(self, index: int) -> None:
        """Waits until a started cell has run without an error."""
        expect(self.prompt(index)).to_have_text(DONE, timeout=RUN)
        expect(
            self.cells.nth(index).locator(".jp-OutputArea-output[data-mime-type*='stderr']")
        ).to_have_count(0)
        expect(
            self.cells.nth(index).locator(".jp-RenderedText[data-mime-type*='error']")
        ).to_have_count(0)

    def run(self, index: int) -> None:
        """Runs a code cell to its end."""
        self.start(index)
        self.finish(index)

    def widget(self, number: int) -> Locator:
        """The picture that was displayed as number ``number``, counted from 0."""
        return self.page.get_by_role("region", name=re.compile("^gradwidget: ")).nth(number)


def choose(page: Page, menu: str, *items: str) -> None:
    """Opens a menu of JupyterLab and chooses an item, by way of the menus inside it."""
    page.get_by_role("menuitem", name=menu, exact=True).click()
    for item in items:
        label = page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{re.escape(item)}$"))
        label.click()


def turn_dark(page: Page) -> None:
    """Gives JupyterLab its dark theme."""
    choose(page, "Settings", "Theme", "JupyterLab Dark")
    expect(page.locator("body")).to_have_attribute("data-jp-theme-light", "false", timeout=60_000)
