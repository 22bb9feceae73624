"""Arrays as bytes, checked against the fixture that the page's own test decodes
(js/test/protocol/codec.test.ts)."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np

from gradwidget.view.protocol.codec import Array, encode


def test_the_fixture_that_the_page_decodes_is_what_python_encodes(root: Path) -> None:
    fixture = json.loads((root / "js/test/protocol/codec.fixture.json").read_text(encoding="utf-8"))
    arrays = [
        Array("steps", "", np.array([0, 1, 16_777_217], np.float64)),
        Array("scalar", "loss", np.array([2.5, np.nan, np.inf], np.float32)),
        Array("sampled", "", np.array([1], np.float64)),
        Array("value", "grad_rms", np.array([[1e-30, 0.0, 1e25]], np.float32)),
    ]
    blocks, data = encode(arrays)
    assert blocks == fixture["blocks"]
    assert data == base64.b64decode(fixture["data"])


def test_every_block_begins_at_a_multiple_of_eight_bytes() -> None:
    _, data = encode(
        [
            Array("scalar", "loss", np.ones(1, np.float32)),
            Array("steps", "", np.ones(1, np.float64)),
        ]
    )
    assert np.frombuffer(data[8:], np.float64)[0] == 1.0


def test_a_view_that_is_not_contiguous_travels_in_row_order() -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3).T
    blocks, data = encode([Array("value", "grad_rms", values)])
    assert blocks[0]["shape"] == [3, 2]
    assert np.frombuffer(data, np.float32).tolist() == [0, 3, 1, 4, 2, 5]
