"""What the picture shows at one moment, read from the page in one go."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from playwright.sync_api import Locator

NUMBER = r"-?[\d.,]+(?:×10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?"
PLAIN = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")

# One call, so that nothing is drawn between two of its parts.
LOOK = """(region) => {
    const all = (selector) => [...region.querySelectorAll(selector)];
    const middle = (box) => box.left + box.width / 2;
    return {
        step: region.querySelector("[data-step]")?.getAttribute("data-step") ?? null,
        rows: all("[role=table] [role=row]").map((row) => ({
            label: row.getAttribute("aria-label"), text: row.textContent,
        })),
        bars: all("rect.bar").map((bar) => {
            const { right, width, top, height } = bar.getBoundingClientRect();
            const color = getComputedStyle(bar).fill;
            return { end: right, width, middle: top + height / 2, color };
        }),
        ticks: all(".gw-value-axis span").map((tick) => ({
            label: tick.textContent, at: middle(tick.getBoundingClientRect()),
        })),
        busy: [...document.querySelectorAll(".jp-InputPrompt")].map((prompt) => prompt.textContent),
    };
}"""


@dataclass(frozen=True)
class Row:
    """One layer in words."""

    layer: str
    state: str
    metric: str
    """Title of the metric shown."""
    value: float
    text: str


@dataclass(frozen=True)
class Reading:
    """The whole picture at one step."""

    step: int
    rows: tuple[Row, ...]
    ends: tuple[float, ...]
    """Where each bar ends, as a power of ten, read off the axis under the bars."""
    widths: tuple[float, ...]
    """Width of each bar in pixels."""
    colors: tuple[str, ...]
    prompts: tuple[str, ...]
    """Prompts of all code cells at that moment."""

    @property
    def values(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """What the rows say, in their order."""
        return np.array([row.value for row in self.rows])

    def agrees(self, tolerance: float = 0.05) -> bool:
        """Whether each bar ends where its row's value is on the log axis, in powers of ten."""
        if (
            len(self.ends) != len(self.rows)
            or np.isnan(self.values).any()
            or (self.values <= 0).any()
        ):
            return False
        return bool(np.all(np.abs(np.log10(self.values) - np.array(self.ends)) < tolerance))


def read(region: Locator) -> Reading | None:
    """The picture as it is now; None before its first step."""
    seen = region.evaluate(LOOK)
    if seen["step"] is None or len(seen["ticks"]) < 2 or not seen["rows"]:
        return None
    powers, places = zip(
        *((_power(tick["label"]), tick["at"]) for tick in seen["ticks"]), strict=True
    )
    slope, offset = np.polyfit(places, powers, 1)
    bars = sorted(
        seen["bars"], key=lambda bar: bar["middle"]
    )  # bqplot need not draw them in the order of the rows
    return Reading(
        step=int(seen["step"]),
        rows=tuple(_row(row["label"], row["text"]) for row in seen["rows"]),
        ends=tuple(float(slope * bar["end"] + offset) for bar in bars),
        widths=tuple(bar["width"] for bar in bars),
        colors=tuple(bar["color"] for bar in bars),
        prompts=tuple(seen["busy"]),
    )


def number(text: str) -> float:
    """A number as the page writes it: 57,300 or −3.1×10⁻⁸."""
    return float(text.replace(",", "").replace("×10", "e").replace("−", "-").translate(PLAIN))


def _row(label: str, text: str) -> Row:
    """Takes ``hidden1: vanishing, gradient RMS 3.1×10⁻⁸`` apart."""
    found = re.fullmatch(
        rf"(.+): ([^,:]+), ([a-z]+(?: [a-zA-Z]+)*) ({NUMBER}|not measured)",
        label.replace("−", "-"),
    )
    assert found, f"not the name of a row: {label}"
    value = float("nan") if found[4] == "not measured" else number(found[4])
    return Row(layer=found[1], state=found[2], metric=found[3], value=value, text=text)


def _power(label: str) -> int:
    """The exponent of a tick's label such as 10⁻⁸."""
    digits = label.translate(PLAIN)
    assert digits.startswith("10"), f"not a power of ten: {label}"
    return int(digits[2:])
