from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parent.parent / "examples").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> nbformat.NotebookNode:
    read: nbformat.NotebookNode = nbformat.reads(
        request.param.read_text(encoding="utf-8"), as_version=4
    )
    return read


def test_it_is_a_valid_notebook(notebook: nbformat.NotebookNode) -> None:
    nbformat.validate(notebook)
    identifiers = [cell.id for cell in notebook.cells]
    assert len(identifiers) == len(set(identifiers))


def test_it_is_stored_without_outputs(notebook: nbformat.NotebookNode) -> None:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


def test_its_training_loops_do_not_know_of_the_widget(notebook: nbformat.NotebookNode) -> None:
    loops = [
        cell.source
        for cell in notebook.cells
        if cell.cell_type == "code" and ".backward(" in cell.source
    ]
    # Of a run that another process trains, that has the loop.
    assert loops or any("remote_training.py" in cell.source for cell in notebook.cells)
    for loop in loops:
        # The picture may be shown above the loop, in the same cell.
        lines = [one for one in ast.parse(loop).body if ast.unparse(one) != "display(w)"]
        nodes = [node for line in lines for node in ast.walk(line)]
        names = {node.id for node in nodes if isinstance(node, ast.Name)}
        assert not names & {"w", "GradWidget", "GradMonitor", "gradwidget"}
