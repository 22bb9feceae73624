"""A few bytes can stand for hours of reading: what a file of its size cannot need is not read."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradwidget import open_run
from gradwidget.metrics import METRICS
from gradwidget.run.format.arrays import packed, packed_flags
from tests.run.test_hostile import about, frame, layers, made

pytestmark = pytest.mark.slow

SECONDS = 2.0
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


def test_a_message_has_no_more_rows_than_are_recorded(tmp_path: Path) -> None:
    path = made(tmp_path / "run.gw", ("run", about()), layers(), plain(0, 5_000), plain(0, 4_000))
    run = open_run(path)
    assert run.damage == ["a message of scalars (5,000 rows where 4,096 are the most)"]
    assert run.history.version == 4_000
