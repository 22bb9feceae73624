"""Fails when a hand-written file or a folder has grown past the limits of this house.

A file holds one noun and can be taken in at a glance; so can a folder. The median length of the
package's files is printed, and has its limit too.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from statistics import median

LONGEST = 450
"""Lines of a file."""
MEDIAN = 110
"""Lines of the middle one of the package's files."""
FULLEST = 14
"""Files beside each other in a folder."""

PACKAGE = "gradwidget"
LIMITED = {
    PACKAGE: (".py",),
    "js/src": (".ts", ".css"),
    "js/test": (".ts",),
    "scripts": (".py",),
    "tests": (".py",),
    "evaluation": (".py",),
    "benchmarks": (".py",),
}
"""The files whose length counts, by the folder that they are in."""
GENERATED = ".gen."

ONE_FOR_EACH_SYMPTOM = ("diagnose/rules", "diagnose/remedies")
"""Folders that hold a file for each symptom, however many there are; so do those of their tests."""


def lengths(root: Path) -> dict[str, int]:
    """Lines of every hand-written file, by its path."""
    return {
        path.relative_to(root).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for folder, suffixes in LIMITED.items()
        for path in sorted((root / folder).rglob("*"))
        if path.suffix in suffixes and GENERATED not in path.name and path.is_file()
    }


def complaints(found: dict[str, int]) -> list[str]:
    """What is past its limit, in words."""
    beside = Counter(name.rpartition("/")[0] for name in found)
    long = [
        f"{name}: {lines} lines, more than {LONGEST}. Split it by noun."
        for name, lines in found.items()
        if lines > LONGEST
    ]
    full = [
        f"{folder}: {files} files beside each other, more than {FULLEST}. Sort them into folders."
        for folder, files in beside.items()
        if files > FULLEST and not folder.endswith(ONE_FOR_EACH_SYMPTOM)
    ]
    middle = middle_length(found)
    grown = f"{PACKAGE}: the middle file has {middle:g} lines, more than {MEDIAN}."
    return long + full + [grown] * (middle > MEDIAN)


def middle_length(found: dict[str, int]) -> float:
    """The median length of the package's files."""
    return median(lines for name, lines in found.items() if name.startswith(f"{PACKAGE}/"))


if __name__ == "__main__":
    files = lengths(Path(__file__).resolve().parent.parent)
    wrong = complaints(files)
    print(f"{len(files)} files; the middle one of {PACKAGE} has {middle_length(files):g} lines")
    print(*wrong, sep="\n", end="\n" * bool(wrong), file=sys.stderr)
    sys.exit(1 if wrong else 0)
