"""How the tests, the benchmarks and the scripts start Chromium."""

from __future__ import annotations

import os

from playwright.sync_api import Browser, Playwright

QUIET = [
    "--no-sandbox",  # there is none for root in a container
    "--disable-gpu",
    # Nothing is fetched that nobody asked for.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def launch(playwright: Playwright) -> Browser:
    """The system's Chromium; ``GRADWIDGET_CHROMIUM`` names another."""
    executable = os.environ.get("GRADWIDGET_CHROMIUM", "/usr/bin/chromium")
    return playwright.chromium.launch(executable_path=executable, args=QUIET)
