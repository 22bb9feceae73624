"""Two runs in one picture."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np

from gradwidget import compare
from gradwidget.frame import Frame
from tests.support.frames import chain, frame, healthy
from tests.support.recording.recorded import Recorded

SVG = "{http://www.w3.org/2000/svg}"


def recorded(path: Path, depth: int, scale: float = 1.0, since: int = 0) -> Path:
    layers = chain(depth)
    frames: list[Frame] = []
    for step in range(60):
        size = scale if step >= since else 1.0
        values = healthy(
            depth, grad_rms=np.full(depth, 0.01 * size), scalars={"loss": 2.0 * 0.98**step * size}
        )
        frames.append(frame(step, layers, values))
    Recorded(path).take(frames).close()
    return path


def texts(svg: str) -> list[str]:
    return ["".join(one.itertext()) for one in ET.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314 - made here


def test_bars_are_paired_by_name_and_the_first_difference_is_marked(tmp_path: Path) -> None:
    both = compare(recorded(tmp_path / "a.gw", 4), recorded(tmp_path / "b.gw", 5, 10.0, since=30))
    said = texts(both.to_svg())
    assert {"fc0", "fc4", "0.01 → 0.1", "– → 0.1", "they differ from step 30"} <= set(said)
    assert both.to_svg().count("<polyline") == 2
    assert "only after: fc4" in str(both)
    assert "only after: fc4" in both._repr_html_()


def test_of_many_layers_those_are_drawn_that_differ_most(tmp_path: Path) -> None:
    before, after = recorded(tmp_path / "a.gw", 80), recorded(tmp_path / "b.gw", 81)
    said = texts(compare(before, after).to_svg())
    assert sum(one.startswith("fc") for one in said) == 60


def test_runs_without_a_step_are_compared_too(tmp_path: Path) -> None:
    Recorded(tmp_path / "a.gw").close()
    Recorded(tmp_path / "b.gw").close()
    both = compare(tmp_path / "a.gw", tmp_path / "b.gw")
    ET.fromstring(both.to_svg())  # noqa: S314 - made here
    assert "no step in common" in str(both)


def test_names_are_text(tmp_path: Path) -> None:
    path = tmp_path / "<img src=x onerror=alert(1)>.gw"
    assert "<img" not in compare(recorded(path, 3), path)._repr_html_()
