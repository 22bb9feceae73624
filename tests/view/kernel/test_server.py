"""What a page lacks where its server runs in another environment than the kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradwidget.view.kernel.server import PARTS, lacking, sentence


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """An environment with JupyterLab and nothing else."""
    (tmp_path / "env" / "share" / "jupyter").mkdir(parents=True)
    return tmp_path / "env"


def command_of(prefix: Path, *words: str) -> list[str]:
    return [str(prefix / "bin" / "python3.11"), *words]


def install(folder: Path, *packages: str) -> None:
    for package in packages:
        (folder / "labextensions" / PARTS[package]).mkdir(parents=True)


def test_the_sentence_says_what_to_install_where_and_to_reload(prefix: Path) -> None:
    install(prefix / "share" / "jupyter", "ipywidgets")
    said = sentence(command_of(prefix, str(prefix / "bin" / "jupyter-lab")), {})
    assert f"runs in {prefix}, which lacks anywidget and bqplot." in said
    assert f"{prefix}/bin/python3.11 -m pip install anywidget bqplot" in said
    assert "reload" in said


@pytest.mark.parametrize(
    "words", [["-m", "jupyterlab"], ["-m", "notebook"], ["jupyter", "lab"], ["x/jupyter-notebook"]]
)
def test_each_way_to_start_a_server_is_known(prefix: Path, words: list[str]) -> None:
    assert "lacks ipywidgets, anywidget and bqplot" in sentence(command_of(prefix, *words), {})


def test_nothing_is_said_where_the_page_has_everything(prefix: Path, tmp_path: Path) -> None:
    install(prefix / "share" / "jupyter", "ipywidgets", "anywidget")
    install(tmp_path / "more", "bqplot")
    command = command_of(prefix, "-m", "jupyterlab")
    assert sentence(command, {"JUPYTER_PATH": str(tmp_path / "more")}) == ""


@pytest.mark.parametrize(
    "words", [["-m", "nbconvert"], ["-m", "papermill"], ["-m", "pytest"], []], ids=str
)
def test_nothing_is_said_where_no_server_has_started_the_kernel(
    prefix: Path, words: list[str]
) -> None:
    assert sentence(command_of(prefix, *words), {}) == ""
    assert sentence(["/usr/share/code/code", "--type=utility", "notebook"], {}) == ""


def test_nothing_is_said_where_nothing_can_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    assert lacking() == ""
    monkeypatch.setenv("JPY_PARENT_PID", str(2**22 + 1))
    assert lacking() == ""
