from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import gradwidget

WIDGET_LIBRARIES = ("anywidget", "bqplot", "ipywidgets", "traitlets")
FOLDERS = ("gradwidget", "tests", "evaluation", "benchmarks", "scripts")
SUPPRESSION = re.compile(r"# (?:noqa|type: ignore)\b(?:: [A-Z0-9, ]+|\[[a-z, -]+\])?(.*)")


def loaded_after(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after a statement."""
    script = f"{statement}\nimport sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_the_public_names_are_listed_in_order() -> None:
    assert gradwidget.__all__ == sorted(gradwidget.__all__)
    assert dir(gradwidget) == gradwidget.__all__
    assert {*gradwidget.__all__} == {*gradwidget._home, "__version__"}


def test_exactly_these_names_are_public() -> None:
    assert gradwidget.__all__ == [
        "Finding",
        "Frame",
        "GradMonitor",
        "GradWidget",
        "GradientError",
        "History",
        "Layer",
        "Rank",
        "Remedy",
        "Run",
        "RunFileError",
        "Symptom",
        "Thresholds",
        "__version__",
        "compare",
        "demo",
        "open_run",
    ]


def test_what_is_public_is_imported_by_a_star() -> None:
    names: dict[str, object] = {}
    exec("from gradwidget import *", names)  # noqa: S102 - what is being tested
    assert {name for name in names if name != "__builtins__"} == set(gradwidget.__all__)


def test_the_version_is_that_of_the_project_file(root: Path) -> None:
    project = (root / "pyproject.toml").read_text(encoding="utf-8")
    assert f'\nversion = "{gradwidget.__version__}"\n' in project
    citation = (root / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {gradwidget.__version__}\n" in citation


@pytest.mark.parametrize("name", gradwidget._home)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    public = getattr(gradwidget, name)
    assert public.__name__ == name
    assert public.__doc__


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'gradwidget' has no attribute 'GradWdget'"):
        gradwidget.GradWdget  # noqa: B018 - looking it up is the test


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not loaded_after("import gradwidget") & {"torch", "numpy", *WIDGET_LIBRARIES}


@pytest.mark.slow
def test_a_headless_monitor_loads_no_widget_library() -> None:
    loaded = loaded_after("from gradwidget import GradMonitor")
    assert "torch" in loaded
    assert not loaded & set(WIDGET_LIBRARIES)


def test_findings_and_histories_load_no_torch() -> None:
    assert "torch" not in loaded_after(
        "from gradwidget import Finding, Frame, History, Layer, Remedy, Symptom, Thresholds"
    )


def test_every_suppression_in_a_line_gives_its_reason(root: Path) -> None:
    lines = [
        (f"{path.relative_to(root)}:{number}", found[1])
        for folder in FOLDERS
        for path in sorted((root / folder).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (found := SUPPRESSION.search(line))
    ]
    assert len(lines) > 100
    assert [place for place, reason in lines if not re.match(r" *[#-] *\S+", reason)] == []
