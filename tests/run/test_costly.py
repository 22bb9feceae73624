"""A few bytes can stand for hours of reading: what a file of its size cannot need is not read."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mcap.opcode import Opcode

from gradwidget import open_run
from gradwidget.metrics import METRICS
from gradwidget.run.format import block_reader
from gradwidget.run.format.arrays import packed, packed_flags
from tests.support.recording.by_hand import about, frame, layers, made
from tests.support.recording.recorded import Recorded, assert_same_history, steps

pytestmark = pytest.mark.slow

SECONDS = 6.0
"""Of the processor: three times what it takes, so that a slow machine has enough. Without a bound
these files would take minutes."""
LAYERS = 40_000
Messages = list[tuple[str, Any]]


def full(step: int, count: int = LAYERS, **changes: Any) -> tuple[str, Any]:
    ones = packed(np.ones(count, np.float32), "<f4")
    return frame(step, metrics=dict.fromkeys(METRICS, ones), **changes)


def plain(start: int, count: int, names: int = 1) -> tuple[str, Any]:
    values, all_of = packed(np.ones(count), "<f8"), packed_flags(np.ones(count, np.bool_))
    return (
        "scalars",
        {
            "steps": packed(np.arange(start, start + count), "<i8"),
            "layers": 1,
            "wiring": None,
            "skipped": packed_flags(np.zeros(count, np.bool_)),
            "reasons": {},
            "scalars": [
                {"name": str(place), "values": values, "measured": all_of} for place in range(names)
            ],
        },
    )


KINDS: dict[str, Callable[[], Messages]] = {
    "many layers in many frames": lambda: [
        layers(1, LAYERS),
        full(0),
        *(frame(1 + step, metrics={}) for step in range(4_000)),
    ],
    "full frames of one value": lambda: [layers(1, LAYERS), *(full(step) for step in range(20))],
    "layers that change all the time": lambda: [
        one for step in range(900) for one in (layers(step, 200), full(step, 200, layers=step))
    ],
    "many scalars": lambda: [layers(), *(plain(2_000 * i, 2_000, 250) for i in range(20))],
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_read_for_a_while_and_then_that_is_said(kind: str, tmp_path: Path) -> None:
    path = made(tmp_path / "run.gw", ("run", about()), *KINDS[kind]())
    assert path.stat().st_size < 400_000
    began = time.process_time()
    run = open_run(path)
    assert time.process_time() - began < SECONDS
    assert run.history.version > 0
    assert "longer than any such run does" in run.damage[-1]
    assert run.closed
    assert not run.refresh()


def test_a_large_file_made_of_little_is_read_for_a_while_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "run.gw"
    made(path, ("run", about()), layers(), frame(0))
    whole = path.read_bytes()
    end = whole.index(struct.pack("<BQ", Opcode.DATA_END, 4))
    path.write_bytes(whole[:end] + struct.pack("<BQ", Opcode.ATTACHMENT, 0) * 600_000)
    began = time.process_time()
    run = open_run(path)
    assert time.process_time() - began < SECONDS
    assert run.history.version == 1
    assert "takes long to read" in run.damage[-1]
    assert not run.closed


def test_what_is_read_in_turns_is_all_there_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = Recorded(tmp_path / "run.gw").take(steps(400)).close()
    monkeypatch.setattr(block_reader, "TURN_SECONDS", 0.02)
    run = open_run(tmp_path / "run.gw")
    turns = 1
    assert 0 < run.history.version < 200
    while not run.closed:
        assert len(run.damage) == 1
        assert run.refresh()
        turns += 1
    assert turns > 3
    assert run.damage == []
    assert_same_history(run.history, live.history)
    assert len(run.diagnose()) == len(run.findings)


def test_an_earlier_part_that_takes_long_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Recorded(tmp_path / "run.gw").take(steps(400)).close()
    live = Recorded(tmp_path / "run.gw", start_step=400).take(steps(20, start=400)).close()
    monkeypatch.setattr(block_reader, "TURN_SECONDS", 0.02)
    run = open_run(tmp_path / "run.gw")
    while not run.closed:
        run.refresh()
    assert run.damage == ["the rest: reading it would take longer than any such run does"]
    assert 20 < run.history.version < 220
    assert run.history.last is not None
    assert live.history.last is not None
    assert run.history.last.step == live.history.last.step


def test_a_message_has_no_more_rows_than_are_recorded(tmp_path: Path) -> None:
    path = made(tmp_path / "run.gw", ("run", about()), layers(), plain(0, 5_000), plain(0, 4_000))
    run = open_run(path)
    assert run.damage == ["a message of scalars (5,000 rows where 4,096 are the most)"]
    assert run.history.version == 4_000
