"""What stands beside the package imports in one direction: support and evaluation know no test."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

BESIDE = ("tests", "evaluation", "benchmarks", "scripts")
"""The folders beside gradwidget that hold Python."""

SHARED = ("tests.support",)
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "tests/support": (),
    "evaluation": (),
    "benchmarks": SHARED,
    "scripts": (*SHARED, "evaluation"),
}
"""What the files of a folder may import of these, besides the folder itself."""
ANY_TEST = (*SHARED, "evaluation", "scripts")
"""The same for a folder of tests: never another folder of tests, nor a benchmark."""


def folder_of(file: Path) -> str:
    """The folder that a file belongs to: ``tests/record``, ``benchmarks``."""
    depth = 2 if file.parts[0] == "tests" and len(file.parts) > 2 else 1
    return "/".join(file.parts[:depth])


def imported(source: str) -> Iterator[str]:
    """Every module that is imported anywhere in a file."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


def forbidden(file: Path, source: str) -> list[str]:
    """Modules that this file may not import."""
    folder = folder_of(file)
    allowed = (folder.replace("/", "."), *MAY_IMPORT.get(folder, ANY_TEST))
    return [
        module
        for module in imported(source)
        if module.split(".")[0] in BESIDE
        and not any(f"{module}.".startswith(f"{name}.") for name in allowed)
    ]


def test_no_file_imports_against_the_arrows(root: Path) -> None:
    files = [path for folder in BESIDE for path in (root / folder).rglob("*.py")]
    assert len(files) > 100
    found = {
        str(path.relative_to(root)): wrong
        for path in files
        if (wrong := forbidden(path.relative_to(root), path.read_text(encoding="utf-8")))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("evaluation/truth/labels.py", "from tests.support.server import serving"),
        ("evaluation/trial.py", "import benchmarks.workloads"),
        ("tests/support/server.py", "from tests.conftest import root"),
        ("tests/record/test_memory.py", "from benchmarks.memory import main"),
        ("tests/report/test_text.py", "def late():\n    from tests.diagnose import test_engine"),
        ("benchmarks/page.py", "from scripts.screenshot import few_colors"),
    ],
)
def test_an_import_against_the_arrows_is_seen(file: str, line: str) -> None:
    assert forbidden(Path(file), line)


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("evaluation/trial.py", "from evaluation.runs.run import Run"),
        ("tests/awkward/test_faults.py", "import tests.awkward.loops"),
        ("tests/evaluation/test_score.py", "from evaluation import table"),
        ("benchmarks/page.py", "from tests.support.server import serving"),
        ("scripts/make_pictures.py", "from evaluation.runs.catalog import all_runs"),
    ],
)
def test_an_import_along_the_arrows_is_fine(file: str, line: str) -> None:
    assert not forbidden(Path(file), line)
