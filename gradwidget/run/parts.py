"""The files of a run: that of its first part, and one beside it for each time it was resumed.

A part of its own leaves what came before untouched, however that ended: with half a block, or
beyond the checkpoint that the run was resumed from.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path


def part_path(path: Path, number: int) -> Path:
    """The file of a part, the first being 1.

    Example:
        >>> part_path(Path("run.gw"), 1).name, part_path(Path("run.gw"), 2).name
        ('run.gw', 'run.2.gw')
    """
    return path if number == 1 else path.with_name(f"{path.stem}.{number}{path.suffix}")


def parts_of(path: Path) -> list[Path]:
    """The files that there are, oldest first; the first one is always named."""
    return [path, *_following(path)]


def _following(path: Path) -> Iterator[Path]:
    for number in count(2):
        part = part_path(path, number)
        if not part.exists():
            return
        yield part
