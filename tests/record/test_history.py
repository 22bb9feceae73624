from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradwidget.frame import Frame, Layer
from gradwidget.metrics import METRICS
from gradwidget.record.capacity import START
from gradwidget.record.history import LOOK_BACK, History


def layers(*names: str) -> tuple[Layer, ...]:
    return tuple(Layer(name, "Linear", {"weight": (2, 2)}) for name in names)


def frame(step: int, of: tuple[Layer, ...], values: list[float], **more: object) -> Frame:
    return Frame(step, of, {"grad_rms": np.array(values, np.float32)}, **more)  # type: ignore[arg-type]  # shorthand for tests


def filled(values: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> History:
    history = History()
    of = layers(*(f"l{i}" for i in range(values.shape[1])))
    for step, row in enumerate(values):
        history.append(Frame(step, of, {"grad_rms": row}, scalars={"loss": float(row[0])}))
    return history


def test_a_new_history_is_empty() -> None:
    history = History()
    assert (history.layers, history.version, history.last, history.first_step) == (
        (),
        0,
        None,
        None,
    )
    assert history["grad_rms"].shape == (0, 0)
    assert history.steps.tolist() == []


def test_gives_back_what_was_appended() -> None:
    history = History()
    of = layers("a", "b")
    history.append(frame(3, of, [1, 2], scalars={"loss": 0.5}))
    history.append(frame(4, of, [3, 4], skipped=True))
    assert history["grad_rms"].tolist() == [[1, 2], [3, 4]]
    assert history["grad_rms"].dtype == np.float32
    assert history.steps.tolist() == [3, 4]
    assert history.first_step == 3
    assert history.version == 2
    np.testing.assert_equal(history.scalars["loss"], [0.5, np.nan])
    assert history.scalars["loss"].dtype == np.float64
    assert history.skipped.tolist() == [False, True]
    assert history.last is not None
    assert history.last.step == 4


def test_tells_a_nan_that_was_measured_from_one_that_was_not() -> None:
    history = History()
    mask = np.array([True, False])
    history.append(frame(0, layers("a", "b"), [np.nan, np.nan], measured={"grad_rms": mask}))
    assert history.measured("grad_rms").tolist() == [[True, False]]
    assert not history.measured("act_rms").any()
    assert np.isnan(history["act_rms"]).all()


def test_an_unknown_metric_is_refused_by_name() -> None:
    with pytest.raises(KeyError, match="grad_rms"):
        History()["gradient"]


def test_steps_must_rise() -> None:
    history = History()
    history.append(frame(5, layers("a"), [1]))
    with pytest.raises(ValueError, match="step 5 after step 5"):
        history.append(frame(5, layers("a"), [1]))


def test_old_columns_keep_their_extremes_and_their_mean() -> None:
    values = np.ones((3000, 2), np.float32)
    values[100, 1] = 1e6
    values[50, 0] = 1e-6
    history = filled(values)
    assert history["grad_rms"].shape[0] < 1600
    assert history.high("grad_rms")[:, 1].max() == np.float32(1e6)
    assert history.low("grad_rms")[:, 0].min() == np.float32(1e-6)
    spike = int(np.argmax(history.high("grad_rms")[:, 1]))
    assert history.steps[spike] <= 100 < history.steps[spike + 1]
    width = history.steps[spike + 1] - history.steps[spike]
    assert history["grad_rms"][spike, 1] == pytest.approx((1e6 + width - 1) / width)


def test_a_nan_in_an_old_column_stays_visible_in_its_mean() -> None:
    values = np.ones((2000, 1), np.float32)
    values[40] = np.nan
    history = filled(values)
    assert np.isnan(history["grad_rms"]).sum() == 1
    assert history.measured("grad_rms").all()
    assert np.isfinite(history.high("grad_rms")).all()


def test_the_newest_512_frames_are_there_one_by_one() -> None:
    values = np.arange(5000, dtype=np.float32)[:, np.newaxis]
    history = filled(values)
    assert history.recent("grad_rms", 512)[:, 0].tolist() == values[-512:, 0].tolist()
    assert history.recent_scalar("loss", 512).tolist() == values[-512:, 0].tolist()
    assert history.recent_steps(3).tolist() == [4997, 4998, 4999]
    assert history.start("grad_rms")[:, 0].tolist() == list(range(START))
    assert [f.step for f in history.recent_frames(2)] == [4998, 4999]


@settings(max_examples=20, deadline=None)
@given(frames=st.integers(1, 4000), seed=st.integers(0, 99))
def test_columns_are_in_order_and_bound_all_values(frames: int, seed: int) -> None:
    values = np.random.default_rng(seed).lognormal(0, 3, (frames, 1)).astype(np.float32)
    history = filled(values)
    steps = history.steps
    assert (np.diff(steps) > 0).all()
    edges = np.append(steps, frames)
    for column in range(len(steps)):
        part = values[edges[column] : edges[column + 1], 0]
        assert history.low("grad_rms")[column, 0] == part.min()
        assert history.high("grad_rms")[column, 0] == part.max()
        assert history["grad_rms"][column, 0] == pytest.approx(
            part.mean(dtype=np.float64), rel=1e-5
        )


def test_layers_that_move_keep_their_past() -> None:
    history = History()
    for step in range(700):
        history.append(frame(step, layers("a", "b"), [1, 2]))
    history.append(frame(700, layers("new", "b", "a"), [9, 2, 1]))
    assert [layer.name for layer in history.layers] == ["new", "b", "a"]
    np.testing.assert_equal(history["grad_rms"][0], [np.nan, 2, 1])
    np.testing.assert_equal(history["grad_rms"][-1], [9, 2, 1])
    assert history.measured("grad_rms")[0].tolist() == [False, True, True]
    np.testing.assert_equal(history.start("grad_rms")[0], [np.nan, 2, 1])


def test_a_metric_first_seen_late_was_not_measured_before() -> None:
    history = History()
    of = layers("a")
    for step in range(1000):
        history.append(frame(step, of, [1]))
    history.append(Frame(1000, of, {"act_rms": np.array([3], np.float32)}))
    assert np.isnan(history["act_rms"][:-1]).all()
    assert history["act_rms"][-1] == 3
    assert np.isnan(history["grad_rms"][-1]).all()


def test_becomes_a_table() -> None:
    history = filled(np.array([[1, 2], [3, 4]], np.float32))
    table = history.to_pandas()
    assert table.index.tolist() == [0, 1]
    assert table["grad_rms", "l1"].tolist() == [2, 4]
    assert table["scalar", "loss"].tolist() == [1, 3]


@pytest.mark.slow
def test_stays_small_and_quick_at_200_layers_and_every_metric() -> None:
    of = layers(*(f"l{i}" for i in range(200)))
    metrics = {name: np.ones(200, np.float32) for name in METRICS}
    tracemalloc.start()
    history = History()
    for step in range(2000):
        history.append(Frame(step, of, metrics, scalars={"loss": 1.0}))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Nothing grows after the summaries are full: the buffers are made once, at their full size.
    assert peak < 64 * 2**20
    begin = time.process_time()
    for step in range(2000, 6000):
        history.append(Frame(step, of, metrics, scalars={"loss": 1.0}))
    assert (time.process_time() - begin) / 4000 < 1e-3


@pytest.mark.slow
def test_two_hundred_thousand_steps_fit_in_as_few_columns() -> None:
    history = History()
    of = layers("a")
    value = np.array([1], np.float32)
    for step in range(200_000):
        history.append(Frame(step, of, {"grad_rms": value}))
    assert len(history.steps) <= 1540
    assert history.steps[0] == 0
    assert history["grad_rms"].shape == (len(history.steps), 1)


def test_the_newest_value_of_each_layer_is_looked_for_in_recent_frames() -> None:
    history = History()
    of = layers("a", "b", "c")
    assert history.newest("grad_rms").tolist() == []
    history.append(frame(0, of, [1, 2, np.nan]))
    history.append(frame(1, of, [3, np.nan, np.nan]))
    np.testing.assert_equal(history.newest("grad_rms"), [3, 2, np.nan])
    np.testing.assert_equal(history.newest("act_rms"), [np.nan] * 3)
    for step in range(2, LOOK_BACK + 2):
        history.append(frame(step, of, [np.nan] * 3))
    np.testing.assert_equal(history.newest("grad_rms"), [np.nan] * 3)
