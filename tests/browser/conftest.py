"""Chromium and a place for screenshots."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.chromium import QUIET


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's Chromium; ``GRADWIDGET_CHROMIUM`` names another."""
    executable = os.environ.get("GRADWIDGET_CHROMIUM", "/usr/bin/chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page in a fresh profile."""
    context = chromium.new_context(viewport={"width": 1360, "height": 1000})
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def screenshots(root: Path) -> Path:
    """Where pictures go that a person looks at."""
    folder = root / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
