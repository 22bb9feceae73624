"""Fails when a hand-written file or a folder has grown past the limits of this house."""

from __future__ import annotations

import sys
from pathlib import Path

LIMIT = 450
SOURCES = {
    "gradwidget": (".py",),
    "js/src": (".ts", ".css"),
    "js/test": (".ts",),
    "scripts": (".py",),
    "tests": (".py",),
    "evaluation": (".py",),
    "benchmarks": (".py",),
}
GENERATED = ".gen."


def oversized(root: Path) -> list[tuple[int, str]]:
    """Length and path of every hand-written file above the limit, longest first."""
    found = []
    for folder, suffixes in SOURCES.items():
        for path in (root / folder).rglob("*"):
            if path.suffix in suffixes and GENERATED not in path.name and path.is_file():
                length = len(path.read_text(encoding="utf-8").splitlines())
                if length > LIMIT:
                    found.append((length, path.relative_to(root).as_posix()))
    return sorted(found, reverse=True)


if __name__ == "__main__":
    too_long = oversized(Path(__file__).resolve().parent.parent)
    for length, name in too_long:
        print(f"{name}: {length} lines, more than {LIMIT}. Split it by noun.", file=sys.stderr)
    sys.exit(1 if too_long else 0)
