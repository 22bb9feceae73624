"""What a saved notebook shows of the picture, and how large that is."""

from __future__ import annotations

import re
import struct
import zlib
from base64 import b64decode
from xml.etree import ElementTree as ET

import nbformat
import numpy as np
import pytest

from gradwidget.diagnose.summary.layer_state import layer_states
from gradwidget.frame import Frame, Layer
from gradwidget.record.history import History
from gradwidget.view.notebook.heatmap_png import NOT_FINITE, NOTHING, SHADES, heatmap_png
from gradwidget.view.notebook.static_html import static_html
from gradwidget.view.notebook.static_picture import MOST_ROWS, static_picture
from tests.support.fake_monitor import FakeMonitor, chain, frame

SVG = "{http://www.w3.org/2000/svg}"


def drawn(history: History) -> ET.Element:
    states = layer_states(history, [])
    return ET.fromstring(static_picture(history, [], states))  # noqa: S314 - made here


def bars_of(picture: ET.Element) -> list[float]:
    return [float(bar.get("width") or 0) for bar in picture.findall(f"{SVG}rect")[1:]]


def texts_of(picture: ET.Element) -> list[str]:
    return ["".join(text.itertext()) for text in picture.iter(f"{SVG}text")]


def pixels_of(png: bytes) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """The palette's numbers, read as the standard says."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    at, data = 8, b""
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        body = png[at + 4 : at + 8 + size]
        assert struct.unpack(">I", png[at + 8 + size : at + 12 + size])[0] == zlib.crc32(body)
        data += body[4:] if body[:4] == b"IDAT" else b""
        at += 12 + size
    lines = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, width + 1)
    assert not lines[:, 0].any()
    return lines[:, 1:]


def test_each_layer_has_its_name_its_value_and_a_bar_as_long_as_its_logarithm_says() -> None:
    history = History()
    history.append(frame(7, chain(4), decay=0.1))  # 1e-5, 1e-4, 1e-3, 1e-2
    picture = drawn(history)
    widths = bars_of(picture)
    assert np.diff(widths) == pytest.approx([widths[1] - widths[0]] * 3, abs=0.2)
    assert widths[0] > 0
    texts = texts_of(picture)
    assert {
        "body.Linear 0",
        "body.Linear 3",
        "0.01",
        "0.0001",
        "gradient RMS (log)",
        "step 7",
    } <= set(texts)


def test_the_loss_is_a_curve_over_the_steps() -> None:
    history = History()
    for step in range(50):
        history.append(Frame(step, chain(2), {}, {}, {"loss": 50.0 - step}))
    picture = drawn(history)
    line = picture.find(f"{SVG}polyline")
    assert line is not None
    points = [tuple(map(float, point.split(","))) for point in (line.get("points") or "").split()]
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert [y for _, y in points] == sorted(y for _, y in points), "falling: ever further down"
    assert "loss 1" in texts_of(picture)


def test_names_are_text_and_very_long_ones_keep_both_ends() -> None:
    layers = (Layer("<b>" + "x" * 60 + "</b>", "Linear", {"weight": (2, 2)}),)
    history = History()
    history.append(Frame(0, layers, {"grad_rms": np.array([1e-3], np.float32)}))
    (name,) = [text for text in texts_of(drawn(history)) if "xxx" in text]
    assert name.startswith("<b>x")
    assert name.endswith("x</b>")
    assert "…" in name


def test_whatever_is_measured_there_is_a_picture() -> None:
    for values in ([np.nan, np.nan], [0.0, 0.0], [np.inf, 1.0], [np.nan, np.inf], [1.0, 1.0]):
        history = History()
        history.append(Frame(0, chain(2), {"grad_rms": np.array(values, np.float32)}))
        widths = bars_of(drawn(history))
        assert all(0 <= width <= 200 for width in widths)


def test_the_heatmap_shows_what_was_measured_last_at_each_step() -> None:
    history = History()
    values = [[1e-4, np.nan], [1e-2, 1e-3], [np.nan, np.nan], [1.0, np.inf]]
    for step, row in enumerate(values):
        figures = np.array(row, np.float32)
        measured = {"grad_rms": ~np.isnan(figures)}
        history.append(Frame(step, chain(2), {"grad_rms": figures}, measured))
    pixels = pixels_of(heatmap_png(history, "grad_rms", [0, 1], 4, log=True))
    top = SHADES - 1
    assert pixels[0] == pytest.approx([0, top // 2, top // 2, top], abs=1)
    assert pixels[1].tolist() == [NOTHING, *[pytest.approx(top // 4, abs=1)] * 2, NOT_FINITE]


@pytest.mark.slow
def test_a_saved_notebook_of_60_layers_and_2000_steps_stays_small() -> None:
    monitor = FakeMonitor(chain(60))
    random = np.random.default_rng(0)
    for step in range(2000):
        one = frame(step, monitor.layers, decay=0.7)
        noise = random.lognormal(0, 0.5, 60).astype(np.float32)
        metrics = {name: values * noise for name, values in one.metrics.items()}
        monitor.take(Frame(step, one.layers, metrics, {}, {"loss": float(random.random())}))
    html = static_html("Net", monitor.history, monitor.findings)
    found = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', html)
    assert found
    svg = b64decode(found[1])
    assert len(ET.fromstring(svg).findall(f"{SVG}rect")) == 61  # noqa: S314 - made here
    assert len(svg) < 60_000
    output = nbformat.v4.new_output("display_data", {"text/html": html, "text/plain": html})
    cell = nbformat.v4.new_code_cell("w", outputs=[output])
    assert len(nbformat.writes(nbformat.v4.new_notebook(cells=[cell]))) < 150_000


def test_of_a_thousand_layers_so_many_are_drawn_that_it_stays_small() -> None:
    history = History()
    for step in range(20):
        history.append(frame(step, chain(1000)))
    picture = drawn(history)
    assert len(bars_of(picture)) == MOST_ROWS
    assert len(ET.tostring(picture)) < 60_000
