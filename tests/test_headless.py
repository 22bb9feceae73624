"""The networks of the quickstart in a plain script: the same findings, and nothing of a notebook
loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

EPOCHS = 15
NETWORKS = ("sigmoid", "tanh", "repaired")

PREAMBLE = """
from gradwidget import GradMonitor as GradWidget
import json, sys

def display(monitor):
    pass
"""

SUMMARY = """
print(json.dumps({
    "findings": [
        {name: getattr(finding, name) for name in ("symptom", "layers", "active", "message")}
        for finding in w.findings
    ],
    "problems": [problem.message + problem.traceback for problem in w.problems],
    "verdict": w.report().splitlines()[0],
    "modules": sorted({name.split(".")[0] for name in sys.modules}),
}))
"""


@pytest.fixture(scope="module", params=NETWORKS)
def run(request: pytest.FixtureRequest, root: Path) -> tuple[str, dict[str, Any]]:
    """Name of the network, and what its run said."""
    notebook = json.loads((root / "examples" / "quickstart.ipynb").read_text(encoding="utf-8"))
    cells = {cell["id"]: "".join(cell["source"]) for cell in notebook["cells"]}
    network = request.param
    parts = [cells["data"], cells["network"], cells[f"{network}-model"], cells[f"{network}-loop"]]
    script = "\n".join(parts).replace("from gradwidget import GradWidget\n", PREAMBLE)
    script = script.replace("range(150)", f"range({EPOCHS})")
    assert f"range({EPOCHS})" in script
    assert "GradMonitor as GradWidget" in script
    command = [sys.executable, "-c", f"import torch; torch.set_num_threads(1)\n{script}\n{SUMMARY}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return network, json.loads(done.stdout.splitlines()[-1])


def test_a_script_gets_the_findings_of_the_notebook(run: tuple[str, dict[str, Any]]) -> None:
    network, seen = run
    assert seen["problems"] == []
    active = {
        finding["symptom"]: finding["layers"] for finding in seen["findings"] if finding["active"]
    }
    if network == "repaired":
        assert seen["findings"] == []
        assert seen["verdict"] == "Healthy"
        return
    expected = {"sigmoid": "vanishing_gradients", "tanh": "exploding_gradients"}[network]
    opposite = {"sigmoid": "exploding_gradients", "tanh": "vanishing_gradients"}[network]
    assert {"hidden1", "hidden2", "hidden3"} <= set(active[expected])
    assert "output" not in active[expected]
    assert opposite not in active


def test_a_script_loads_no_widget_library(run: tuple[str, dict[str, Any]]) -> None:
    _, seen = run
    assert not {"ipywidgets", "bqplot", "anywidget", "traitlets", "IPython"} & set(seen["modules"])
