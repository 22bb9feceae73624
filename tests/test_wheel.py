from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest

pytestmark = pytest.mark.slow

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]


@pytest.fixture(scope="module")
def sdist(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder],
        cwd=root,
        check=True,
    )
    (built,) = folder.glob("gradwidget-*.tar.gz")
    return built


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the sdist where no Node can be found: the bundle inside it has to do."""
    folder = tmp_path_factory.mktemp("wheel")
    env = {**os.environ, "PATH": "/nowhere"}
    build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(sdist)]
    subprocess.run([*PIP, *build], env=env, check=True)
    (built,) = folder.glob("gradwidget-*-py3-none-any.whl")
    return built


def test_an_sdist_holds_the_bundle_and_what_it_was_made_from(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    expected = {
        "js/src/widget.ts",
        "js/package-lock.json",
        "hatch_build.py",
        "gradwidget/static/widget.js",
        "LICENSE",
    }
    assert expected <= names
    assert not any("node_modules" in name for name in names)


def test_a_wheel_holds_the_front_end_and_says_that_it_is_typed(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert {
            "gradwidget/static/widget.js",
            "gradwidget/static/widget.css",
            "gradwidget/static/exported.js",
            "gradwidget/static/exported.css",
            "gradwidget/py.typed",
        } <= names
        assert archive.read("gradwidget/static/widget.js").startswith(b"// gradwidget-sources ")
        assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "js/", "hatch_build"))]


def test_an_installed_wheel_works_without_and_with_its_picture(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    subprocess.run([*PIP, "install", "--no-deps", "--target", str(target), str(wheel)], check=True)
    script = """
import sys
import torch
import gradwidget
from gradwidget import GradMonitor
monitor = GradMonitor(torch.nn.Linear(2, 1))
loaded = {"anywidget", "bqplot", "ipywidgets"} & set(sys.modules)
assert not loaded, "headless use loads a widget library"
monitor.close()
from gradwidget import GradWidget
assert "gradwidget-sources" in str(GradWidget._esm)[:100]
print(gradwidget.__file__)
"""
    env = {**os.environ, "PYTHONPATH": str(target)}
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, capture_output=True, text=True, env=env, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(target)
