"""The notebooks about runs in files run as they are, one of them while another process writes."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient


def outputs(path: Path, ident: str) -> str:
    """What a cell of a notebook has shown, as text."""
    cells = nbformat.read(path, as_version=4).cells
    (shown,) = [cell.outputs for cell in cells if cell.id == ident]
    return "".join(one.get("text", "") or "".join(one.get("data", {}).values()) for one in shown)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """For kernel and script: two processes of several threads each wait for one another."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def ran(name: str, root: Path, folder: Path) -> Path:
    for file in ("remote_training.py", f"{name}.ipynb"):
        shutil.copy(root / "examples" / file, folder)
    book = nbformat.read(folder / f"{name}.ipynb", as_version=4)
    NotebookClient(
        book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    nbformat.write(book, folder / f"{name}.ipynb")
    return folder / f"{name}.ipynb"


@pytest.mark.slow
def test_a_run_is_followed_while_another_process_trains(root: Path, tmp_path: Path) -> None:
    book = ran("follow", root, tmp_path)
    assert "Vanishing" in outputs(book, "read")
    assert "steps were measured in full" in outputs(book, "loss")
    assert "ended after 800 steps" in outputs(book, "end")


@pytest.mark.slow
def test_two_runs_are_compared(root: Path, tmp_path: Path) -> None:
    book = ran("compare", root, tmp_path)
    assert "gone: ▼ Vanishing gradients" in outputs(book, "compare")
    assert "<svg" in outputs(book, "compare")
