"""Chromium, a Jupyter server, a notebook whose training cell runs, and a place for screenshots."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.chromium import launch
from tests.support.console import SubshellConsole
from tests.support.notebook import Notebook, write_notebook
from tests.support.server import App, JupyterServer, serving, wait_until


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page in a fresh profile."""
    context = chromium.new_context(viewport={"width": 1360, "height": 1000})
    yield context.new_page()
    context.close()


@pytest.fixture
def app() -> App:
    """JupyterLab, unless a test asks for both."""
    return "lab"


@pytest.fixture
def server(app: App, tmp_path: Path) -> Iterator[JupyterServer]:
    with serving(app, tmp_path) as running:
        yield running


@pytest.fixture
def notebook(request: pytest.FixtureRequest, server: JupyterServer, page: Page) -> Notebook:
    """The ``CELLS`` of the test's module as loop.ipynb; the second of them, which trains, runs."""
    cells = request.module.CELLS
    write_notebook(server.folder / "loop.ipynb", cells)
    notebook = Notebook(page, server.url("loop.ipynb"), len(cells))
    notebook.run(0)
    notebook.start(1)
    return notebook


@pytest.fixture
def console(
    request: pytest.FixtureRequest, server: JupyterServer, notebook: Notebook
) -> Iterator[SubshellConsole]:
    """A console on its kernel, once ``HAS_BEGUN`` of the test's module is true there."""
    del notebook  # its kernel is the one
    with SubshellConsole(server.connection_file()) as console:
        wait_until(lambda: console.evaluate(request.module.HAS_BEGUN), "the first steps")
        yield console


@pytest.fixture(scope="session")
def screenshots(root: Path) -> Path:
    """Where pictures go that a person looks at."""
    folder = root / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
