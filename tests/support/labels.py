"""The texts of the picture as boxes on the page: which overlap, and which are cut."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

from playwright.sync_api import Locator

# A text counts where it can be seen: not scrolled out of its frame, not below something else.
LOOK = """(region) => {
    const walker = document.createTreeWalker(region, NodeFilter.SHOW_TEXT);
    const boxes = [];
    while (walker.nextNode()) {
        const parent = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || parent.closest("option, pre")) continue;
        if (!parent.checkVisibility()) continue;
        const range = document.createRange();
        range.selectNodeContents(walker.currentNode);
        for (const { left, top, right, bottom } of range.getClientRects()) {
            const seen = document.elementsFromPoint((left + right) / 2, (top + bottom) / 2)[0];
            if (!seen || !(parent.contains(seen) || seen.contains(parent))) continue;
            const frame = parent.closest(".gw-summary") ? null : clipOf(parent, region);
            const cut = frame !== null && (left < frame.left - 1 || right > frame.right + 1);
            boxes.push({ text: walker.currentNode.data.trim(), left, top, right, bottom, cut });
        }
    }
    return boxes;

    function clipOf(node, root) {
        let frame = root.getBoundingClientRect();
        for (let at = node; at !== root; at = at.parentElement) {
            if (getComputedStyle(at).overflowX === "visible") continue;
            const { left, right } = at.getBoundingClientRect();
            frame = { left: Math.max(frame.left, left), right: Math.min(frame.right, right) };
        }
        return frame;
    }
}"""


@dataclass(frozen=True)
class Box:
    """One line of text on the page, in pixels."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    cut: bool
    """It extends beyond the frame that it is in."""

    def overlaps(self, other: Box) -> bool:
        """By more than the empty space that a line has above and below its letters."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return across > 1 and down > 0.3 * min(self.bottom - self.top, other.bottom - other.top)


def labels(region: Locator) -> list[Box]:
    """Every text that a reader sees."""
    found: list[dict[str, Any]] = region.evaluate(LOOK)
    return [Box(**box) for box in found]


def faults(region: Locator) -> list[str]:
    """What is wrong with the texts, in words; none where each can be read."""
    boxes = labels(region)
    assert boxes, "no text in sight"
    cut = [f"{box.text!r} is cut" for box in boxes if box.cut]
    return cut + [
        f"{a.text!r} overlaps {b.text!r}" for a, b in combinations(boxes, 2) if a.overlaps(b)
    ]
