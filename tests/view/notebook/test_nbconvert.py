"""What becomes of the picture where nbconvert makes a page of a notebook."""

from __future__ import annotations

import re
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from xml.etree import ElementTree as ET

import nbformat
import pytest

from gradwidget.diagnose.summary.layer_state import LayerState
from gradwidget.diagnose.summary.state_look import LOOKS

pytestmark = pytest.mark.slow

SICK = """
import torch
from torch import nn
from gradwidget import GradWidget
torch.manual_seed(0)
torch.set_num_threads(1)
layers = [layer for _ in range(8) for layer in (nn.Linear(16, 16), nn.Sigmoid())]
model = nn.Sequential(*layers, nn.Linear(16, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
w = GradWidget(model, budget=None)
display(w)
for _ in range(40):
    x = torch.randn(32, 16)
    (model(x) - x[:, :4]).square().mean().backward()
    optimizer.step()
    optimizer.zero_grad()
"""


def test_an_executed_notebook_becomes_a_page_with_the_picture_in_its_colors(
    tmp_path: Path,
) -> None:
    cell = nbformat.v4.new_code_cell(SICK.strip())
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "run.ipynb")
    command = [sys.executable, "-m", "nbconvert", "--to", "html", "--execute", "run.ipynb"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    page = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert "Vanishing gradients in 6 of 9 layers" in page
    (svg,) = re.findall(r'<img alt="[^"]*" src="data:image/svg\+xml;base64,([^"]+)"', page)
    picture = ET.fromstring(b64decode(svg))  # noqa: S314 - made here
    bars = [bar.get("fill") for bar in picture.findall("{http://www.w3.org/2000/svg}rect")[1:]]
    assert len(bars) == 9
    assert bars.count(LOOKS[LayerState.VANISHING].color_light) == 6
    assert "gradwidget: no live picture" not in re.sub(
        r"<script.*?</script>", "", page, flags=re.DOTALL
    )
