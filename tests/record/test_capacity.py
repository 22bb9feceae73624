"""A history takes a bounded number of bytes, whatever the number of layers."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradwidget.frame import Frame, Layer
from gradwidget.metrics import METRICS
from gradwidget.record.history import History


def layers(count: int) -> tuple[Layer, ...]:
    return tuple(Layer(f"l{i}", "Linear", {"weight": (2, 2)}) for i in range(count))


@pytest.mark.parametrize("count", [1, 50, 200, 201, 400, 1000, 3000, 10_001])
def test_a_history_is_bounded_in_bytes_however_many_layers_there_are(count: int) -> None:
    of = layers(count)
    history = History()
    for step in range(80):
        history.append(full_frame(step, of))
    assert history.nbytes == allocated(history) < 64 * 2**20
    assert history.kept >= 20


def test_the_bytes_that_are_counted_are_those_that_are_taken() -> None:
    of = layers(3000)
    tracemalloc.start()
    history = History()
    for step in range(700):
        history.append(full_frame(step, of))
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert taken == pytest.approx(history.nbytes, rel=0.05)


def test_a_wide_history_has_fewer_columns_that_still_bound_every_value() -> None:
    of = layers(2000)
    history = History()
    random = np.random.default_rng(0)
    values = random.lognormal(0, 3, 1500).astype(np.float32)
    for step, value in enumerate(values):
        metrics = {"grad_rms": np.full(2000, value, np.float32)}
        history.append(Frame(step, of, metrics, scalars={"loss": float(value)}))
    assert len(history.steps) < 200
    edges = np.append(history.steps, len(values))
    parts = [values[a:b] for a, b in pairwise(edges)]
    assert history.low("grad_rms")[:, 7].tolist() == [part.min() for part in parts]
    assert history.high("grad_rms")[:, 7].tolist() == [part.max() for part in parts]
    means = [part.mean(dtype=np.float64) for part in parts]
    assert history["grad_rms"][:, 7] == pytest.approx(means, rel=1e-5)
    assert history.scalars["loss"] == pytest.approx(means, rel=1e-5)
    newest = values[-history.kept :]
    assert history.recent("grad_rms", history.kept)[:, 7].tolist() == newest.tolist()


@settings(max_examples=10, deadline=None)
@given(counts=st.lists(st.sampled_from([1, 300, 1000, 4000]), min_size=2, max_size=4))
def test_a_model_that_grows_or_shrinks_keeps_its_past_within_the_bound(counts: list[int]) -> None:
    history = History()
    step = 0
    for count in counts:
        of = layers(count)
        for _ in range(700):
            history.append(
                Frame(step, of, {"grad_rms": np.full(count, step, np.float32)}, scalars={"s": step})
            )
            step += 1
        assert allocated(history) < 64 * 2**20
    edges = np.append(history.steps, step)
    assert edges[0] == 0
    assert (np.diff(edges) > 0).all()
    assert history.low("grad_rms")[:, 0].tolist() == edges[:-1].tolist()
    assert history.high("grad_rms")[:, 0].tolist() == (edges[1:] - 1).tolist()
    assert history.scalars["s"] == pytest.approx((edges[:-1] + edges[1:] - 1) / 2)


def full_frame(step: int, of: tuple[Layer, ...]) -> Frame:
    """A frame with every metric of every layer, each with a mask, as capture makes them."""
    metrics = {name: np.full(len(of), step, np.float32) for name in METRICS}
    measured = {name: np.ones(len(of), np.bool_) for name in METRICS}
    return Frame(step, of, metrics, measured, {"loss": 1.0})


def allocated(history: History) -> int:
    """Bytes of all arrays that a history holds, found by walking through it."""
    histories = [*history._metrics.values(), *history._scalars.values(), history._skipped]
    arrays = [one for each in histories for one in vars(each).values()]
    frames = [*history._newest]
    arrays += [
        one for frame in frames for one in (*frame.metrics.values(), *frame.measured.values())
    ]
    return sum(one.nbytes for one in arrays)
