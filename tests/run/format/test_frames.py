"""Any frame goes through a file unchanged."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gradwidget import open_run
from gradwidget.diagnose.thresholds import DEFAULT
from gradwidget.frame import Frame, Layer, NonfiniteOrigin, RecurrentProfile, Wiring
from gradwidget.metrics import METRICS
from gradwidget.run.format.file_writer import FileWriter
from gradwidget.run.recorder import run_data
from gradwidget.run.recording import Recording
from tests.support.recording.recorded import assert_same_frame

names = st.text(st.characters(), min_size=1, max_size=12)
whole = st.integers(0, 2**53)
floats = st.floats(allow_nan=True, allow_infinity=True)


def layer() -> st.SearchStrategy[Layer]:
    shapes = st.dictionaries(names, st.lists(st.integers(0, 9), max_size=3).map(tuple), max_size=2)
    return st.builds(Layer, names, names, shapes, st.booleans(), st.none() | names)


tables = st.lists(layer(), min_size=1, max_size=4, unique_by=lambda one: one.name).map(tuple)


@st.composite
def runs(draw: st.DrawFn) -> list[Frame]:
    layers, other = draw(tables), draw(tables)
    wiring = Wiring(
        {one.name: (one.name,) for one in layers},
        ("mse_loss",),
        ("Linear",),
        "float16",
        ("SGD",),
        ("fc0.scale",),
    )
    steps = sorted(draw(st.sets(whole, min_size=1, max_size=8)))
    return [draw(frames(step, draw(st.sampled_from([layers, other])), wiring)) for step in steps]


@st.composite
def frames(draw: st.DrawFn, step: int, layers: tuple[Layer, ...], wiring: Wiring) -> Frame:
    count = len(layers)
    is_plain = draw(st.booleans())
    measured = draw(
        st.lists(st.sampled_from(list(METRICS)), unique=True, max_size=0 if is_plain else 4)
    )
    values: Any = arrays.arrays(np.float32, count, elements=st.floats(width=32))
    masks: Any = arrays.arrays(np.bool_, count)
    profiles = st.builds(
        RecurrentProfile,
        names,
        st.sampled_from(["dL/dh", "dL/dx"]),
        arrays.arrays(np.float32, st.integers(0, 5), elements=st.floats(width=32)),
        st.integers(0, 3),
        st.booleans(),
    )
    reasons = st.dictionaries(st.sampled_from([one.name for one in layers]), names, max_size=2)
    found = st.builds(
        NonfiniteOrigin, st.sampled_from(["input", "loss", "update"]), st.none() | names, names
    )
    return Frame(
        step,
        layers,
        {name: draw(values) for name in measured},
        {name: draw(masks) for name in measured if draw(st.booleans())},
        draw(st.dictionaries(names, floats, max_size=4)),
        draw(st.booleans()),
        draw(reasons),
        None if is_plain else draw(st.none() | found),
        () if is_plain else tuple(draw(st.lists(profiles, max_size=2))),
        draw(st.none() | st.just(wiring)),
    )


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(runs())
def test_any_frame_goes_through_a_file_unchanged(made: list[Frame]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.gw"
        file = FileWriter(path, run_data("Net", 0, DEFAULT))
        recording = Recording(file)
        for one in made:
            recording.add(one, [])
        recording.flush(None)
        file.finish()
        file.close()
        run = open_run(path)
        assert run.damage == []
        assert run.history.version == len(made)
        for read, written in zip(run.history.recent_frames(64), made, strict=True):
            assert_same_frame(read, written)
