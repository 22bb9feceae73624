"""A table of costs by size, with the exponent of each cost's growth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tests.support.scale.growth import exponent

LINEAR = 1.1
"""The exponent of a cost that is proportional to its size, as far as clocks can tell."""
FLAT = 0.2
"""The same of one that does not depend on it."""


class Line(NamedTuple):
    """One cost."""

    name: str
    digits: int = 2
    """Decimal places."""
    most: float | None = LINEAR
    """Its largest exponent; None where its growth is not judged."""


def head(title: str, sizes: Sequence[int]) -> str:
    """The first line of a table."""
    return f"{title:44}" + "".join(f"{size:>12,}" for size in sizes) + f"{'exponent':>10}"


def rows(
    lines: Sequence[Line], sizes: Sequence[int], costs: Sequence[Mapping[str, float]]
) -> list[str]:
    """The other lines.

    Args:
        lines: the costs to show.
        sizes: rising.
        costs: by name, at each size.
    """
    found = []
    for line in lines:
        values = [cost[line.name] for cost in costs]
        text = f"  {line.name:42}" + "".join(f"{value:12,.{line.digits}f}" for value in values)
        if line.most is not None and min(values) > 0:
            power = exponent(sizes, values)
            text += f"{power:10.2f}" + (" too steep" if power > line.most else "")
        found.append(text)
    return found
