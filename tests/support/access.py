"""What keeps an assistive reader out of the picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page


def violations(page: Page, root: Path) -> list[str]:
    """What axe-core finds wrong within the picture."""
    page.evaluate((root / "js/node_modules/axe-core/axe.min.js").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = page.evaluate("async () => (await axe.run('.gw')).violations")
    return [
        f"{rule['id']}: {node['html']} {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]
