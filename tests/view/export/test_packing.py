"""What was packed, checked against the fixture that the page's own test reads
(js/test/protocol/packing.test.ts)."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path

import numpy as np

from gradwidget.view.export.packing import packed
from gradwidget.view.protocol.codec import Array, encode
from gradwidget.view.protocol.messages import ControlState, ProcessesInfo, Snapshot, Status
from gradwidget.wording import visible

NAME = "</script>\u2028\ud800é"


def fixture_arrays() -> list[Array]:
    """Two runs of a metric, with extremes, an odd number of words, and what is not finite."""
    values = np.array([[1e-30, 0.0, np.nan], [2.5, np.inf, 3.0], [1e-3, 1e-4, 7.0]], np.float32)
    return [
        Array("steps", "", np.array([0, 1, 16_777_217], np.float64)),
        Array("scalar", "loss", np.array([2.5, np.nan, -np.inf], np.float32)),
        Array("sampled", "", np.array([0, 1, 5], np.float64)),
        Array("value", "grad_rms", values),
        Array("low", "grad_rms", values / 2),
        Array("high", "grad_rms", values * 2),
        Array("value", "act_rms", np.zeros((3, 3), np.float32)),
    ]


def fixture_run() -> bytes:
    blocks, data = encode(fixture_arrays())
    status = Status(
        verdict="Healthy",
        state="ok",
        step=5,
        trend=None,
        overhead=None,
        sampling=None,
        closed=False,
    )
    snapshot = Snapshot(
        kind="snapshot",
        model=NAME,
        metrics=[],
        layers=[],
        status=status,
        states=[],
        reasons=[],
        findings=[],
        problems=[],
        processes=ProcessesInfo(summary="", notes=[], ranks=[], rest=""),
        blocks=blocks,
    )
    control = ControlState(
        kind="control", mode="closed", left=0, step=None, reason="", changes=[], responses=[]
    )
    return packed(snapshot, data, control)


def test_the_fixture_that_the_page_reads_is_what_python_packs(root: Path) -> None:
    path = root / "js/test/protocol/packing.fixture.json"
    fixture = json.loads(path.read_text(encoding="utf-8"))
    # Compared unpacked: another zlib may find other matches.
    ours, known = fixture_run(), base64.b64decode(fixture["run"])
    assert zlib.decompress(ours) == zlib.decompress(known)
    assert fixture["model"] == visible(NAME)
    assert fixture["arrays"] == [
        [str(value) for value in array.values.ravel().tolist()] for array in fixture_arrays()
    ]


def test_a_course_that_hardly_changes_takes_next_to_nothing() -> None:
    course = np.linspace(1, 1.01, 1000, dtype=np.float32).reshape(-1, 1).repeat(100, axis=1)
    words = course.view(np.uint32) & np.uint32(0xFFFF0000)
    blocks, data = encode([Array("value", "grad_rms", words.view(np.float32))])
    snapshot: Snapshot = {"blocks": blocks}  # type: ignore[typeddict-item]  # no more of it is read
    control: ControlState = {}  # type: ignore[typeddict-item]  # as above
    assert len(packed(snapshot, data, control)) < len(data) / 200
