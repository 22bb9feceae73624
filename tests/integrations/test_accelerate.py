"""The examples for accelerate, each with two real processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("accelerate", reason="`make integrations` installs it")

import nbformat
from nbclient import NotebookClient

from gradwidget import open_run

EXAMPLES = Path(__file__).parents[2] / "examples"
SHOWN_HERE = """
from gradwidget import GradWidget


def shown(rank):
    network = nn.Linear(4, 1)
    w = GradWidget(network)
    display(w)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(12):
        optimizer.zero_grad()
        network(torch.randn(8, 4)).sub(1).square().mean().backward()
        optimizer.step()
    w.close()


torch.multiprocessing.start_processes(shown, nprocs=1, start_method="fork")
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of somebody in the checkout; the processes of two tests do not meet."""
    monkeypatch.setenv("PYTHONPATH", f"{EXAMPLES.parent}{os.pathsep}{os.getenv('PYTHONPATH', '')}")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def test_a_script_is_launched_and_recorded_by_rank_0(tmp_path: Path) -> None:
    launched = subprocess.run(
        [
            *(sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch", "--multi_gpu"),
            *("--num_processes=2", "--main_process_port=0"),
            *(str(EXAMPLES / "accelerate_launch.py"), str(tmp_path / "run.gw")),
        ],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert launched.returncode == 0, launched.stderr
    assert launched.stdout.startswith("Vanishing gradients")
    assert_is_of_both(launched.stdout)
    assert_is_of_both(open_run(tmp_path / "run.gw").report())


def test_a_notebook_forks_the_training_and_shows_the_file() -> None:
    cells = run_cells(*codes())
    assert cells["launch"] != ""
    assert_is_of_both(cells["report"])
    assert "Vanishing gradients" in cells["picture"]
    assert "Waiting" not in cells["picture"]


def test_a_widget_in_a_forked_process_says_where_there_is_a_picture() -> None:
    loop, *_ = codes()
    cells = run_cells(loop, ("forked", SHOWN_HERE))
    assert 'show GradWidget("run.gw") in the notebook' in cells["forked"]
    assert "step 11" in cells["forked"]  # brought up to date
    assert "widget-view" not in cells["forked"]


def assert_is_of_both(report: str) -> None:
    assert "loss are of 2 processes" in report
    assert "rank 0  loss" in report
    assert "rank 1  loss" in report


def codes() -> list[tuple[str, str]]:
    """The cells of the notebook, on a port that is free."""
    notebook = nbformat.read(EXAMPLES / "notebook_launcher.ipynb", as_version=4)
    code = [(one.id, one.source) for one in notebook.cells if one.cell_type == "code"]
    call = "num_processes=2"
    ported = [(name, one.replace(call, f'{call}, use_port="{free_port()}"')) for name, one in code]
    assert ported != code
    return ported


def run_cells(*cells: tuple[str, str]) -> dict[str, str]:
    """What each cell of a notebook shows, as text, with a kernel of its own."""
    nodes: list[Any] = [nbformat.v4.new_code_cell(code) for _, code in cells]
    NotebookClient(nbformat.v4.new_notebook(cells=nodes), timeout=240).execute()

    def shown(one: Any) -> str:
        return str(one.get("text", "")) + str(one.get("data", ""))

    return {
        name: "".join(map(shown, node.outputs))
        for (name, _), node in zip(cells, nodes, strict=True)
    }
