"""The methods that people call: files that are there, and can be read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import torch
from torch import nn

from gradwidget import GradMonitor

SVG = "{http://www.w3.org/2000/svg}"


def trained(steps: int = 12) -> GradMonitor:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with GradMonitor(model, budget=None) as monitor:
        for _ in range(steps):
            optimizer.zero_grad()
            model(torch.ones(2, 4)).square().mean().backward()
            optimizer.step()
    return monitor


def test_a_monitor_writes_a_page_and_an_image(tmp_path: Path) -> None:
    monitor = trained()
    monitor.to_html(tmp_path / "run.html")
    assert (tmp_path / "run.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    monitor.to_svg(str(tmp_path / "run.svg"))
    picture = ET.parse(tmp_path / "run.svg").getroot()  # noqa: S314 - made here
    assert (picture.get("width"), picture.get("height")) == (
        "912",
        (picture.get("viewBox") or "").split()[-1],
    )
    assert "Helvetica" in (picture.get("font-family") or "")
    (title,) = picture.findall(f"{SVG}title")
    assert title.text == "The gradients of Sequential, layer by layer"
    texts = ["".join(text.itertext()) for text in picture.iter(f"{SVG}text")]
    assert {"Linear 0", "Linear 2"} <= set(texts)


def test_the_image_is_written_as_png_too(tmp_path: Path) -> None:
    trained().to_png(tmp_path / "run.png")
    content = (tmp_path / "run.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert int.from_bytes(content[16:20], "big") == 2 * 912


def test_without_the_package_that_draws_it_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(ImportError, match="pip install resvg-py"):
        trained().to_png(tmp_path / "run.png")


def test_before_the_first_step_there_is_no_image_and_that_is_said(tmp_path: Path) -> None:
    monitor = GradMonitor(nn.Linear(2, 1))
    with pytest.raises(ValueError, match="nothing was measured yet"):
        monitor.to_svg(tmp_path / "run.svg")
    monitor.to_html(tmp_path / "run.html")
    monitor.close()


def test_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="none"):
        trained().to_html(tmp_path / "none" / "run.html")


@pytest.mark.slow
def test_an_export_loads_no_widget_library(tmp_path: Path) -> None:
    script = (
        "import sys, torch\nfrom gradwidget import GradMonitor\n"
        f"GradMonitor(torch.nn.Linear(2, 1)).to_html({str(tmp_path / 'run.html')!r})\n"
        "assert not {'anywidget', 'bqplot', 'ipywidgets', 'traitlets'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
