"""What travels: only what is new, extremes kept where columns are joined."""

from __future__ import annotations

import numpy as np

from gradwidget.frame import Frame
from gradwidget.record.history import History
from gradwidget.view.protocol import arrays
from gradwidget.view.protocol.codec import Array
from tests.support.fake_monitor import chain, frame

LAYERS = chain(3)


def part(
    blocks: list[Array], kind: str, name: str = ""
) -> np.ndarray[tuple[int, ...], np.dtype[np.floating]]:
    return next(array.values for array in blocks if array.part == kind and array.name == name)


def history_of(steps: int) -> History:
    history = History()
    for step in range(steps):
        history.append(frame(step, LAYERS, loss=float(step)))
    return history


def test_the_newest_columns_are_sent_as_they_were_measured() -> None:
    blocks = arrays.newest(history_of(10), 4)
    assert part(blocks, "steps").tolist() == [6, 7, 8, 9]
    assert part(blocks, "scalar", "loss").tolist() == [6, 7, 8, 9]
    assert part(blocks, "value", "grad_rms").shape == (4, 3)
    assert not any(array.part == "low" for array in blocks)


def test_steps_at_which_no_layer_was_measured_carry_scalars_only() -> None:
    history = history_of(2)
    history.append(Frame(2, LAYERS, {}, {}, {"loss": 0.5}))
    blocks = arrays.newest(history, 2)
    assert part(blocks, "steps").tolist() == [1, 2]
    assert part(blocks, "sampled").tolist() == [1]


def test_the_losses_of_steps_between_the_frames_are_sent_too() -> None:
    history = History()
    for step in (0, 5):
        history.append(frame(step, LAYERS, loss=float(step)))
        history.losses.extend([step], [step])
        history.losses.extend([step + 1, step + 2], [np.nan, step + 2])
    loss = np.array([0, np.inf, 2, 5, np.inf, 7], np.float32)
    for blocks in (arrays.newest(history, 2, 6), arrays.whole(history)):
        assert part(blocks, "steps").tolist() == [0, 1, 2, 5, 6, 7]
        np.testing.assert_array_equal(part(blocks, "scalar", "loss"), loss)
        assert part(blocks, "sampled").tolist() == [0, 5]
    only = arrays.newest(history, 0, 2)
    assert part(only, "steps").tolist() == [6, 7]
    np.testing.assert_array_equal(part(only, "scalar", "loss"), loss[4:])


def test_a_loss_that_was_nan_is_told_apart_from_one_that_was_not_measured() -> None:
    history = history_of(1)
    history.append(frame(1, LAYERS, loss=float("nan")))
    history.append(Frame(2, LAYERS, {}))
    for blocks in (arrays.newest(history, 3), arrays.whole(history)):
        assert np.array_equal(part(blocks, "scalar", "loss"), [0, np.inf, np.nan], equal_nan=True)
    assert np.array_equal(
        part(arrays.newest(history, 2), "scalar", "loss"), [np.inf, np.nan], equal_nan=True
    )


def test_metrics_that_were_never_measured_are_not_sent() -> None:
    named = {array.name for array in arrays.newest(history_of(2), 2) if array.part == "value"}
    assert named == {"grad_rms", "grad_norm", "act_grad_rms"}


def test_a_spike_survives_however_many_columns_come_at_once() -> None:
    history = history_of(150)
    history.append(Frame(150, LAYERS, {"grad_rms": np.array([7e9, 1, 1], np.float32)}, {}, {}))
    for step in range(151, 300):
        history.append(frame(step, LAYERS))
    blocks = arrays.newest(history, 300)
    assert len(part(blocks, "sampled")) == arrays.TICK_COLUMNS
    assert part(blocks, "high", "grad_rms")[:, 0].max() == np.float32(7e9)
    assert part(blocks, "low", "grad_rms")[:, 0].max() == np.float32(1e-2)


def test_the_whole_history_comes_with_its_extremes() -> None:
    history = History()
    rng = np.random.default_rng(0)
    values = rng.lognormal(size=(2000, 3)).astype(np.float32)
    for step, row in enumerate(values):
        history.append(Frame(step, LAYERS, {"grad_rms": row}, {}, {"loss": 1.0}))
    blocks = arrays.whole(history)
    assert np.array_equal(part(blocks, "high", "grad_rms").max(axis=0), values.max(axis=0))
    assert np.array_equal(part(blocks, "low", "grad_rms").min(axis=0), values.min(axis=0))


def test_a_snapshot_of_many_layers_stays_small() -> None:
    layers = chain(1000)
    history = History()
    for step in range(300):
        history.append(frame(step, layers))
    numbers = sum(array.values.size for array in arrays.whole(history))
    assert numbers <= arrays.WHOLE_FLOATS * 1.1


def test_an_empty_history_sends_nothing_but_an_empty_list_of_steps() -> None:
    assert [array.part for array in arrays.whole(History())] == ["steps"]


def test_however_few_columns_there_may_be_the_newest_is_a_single_step() -> None:
    blocks = arrays.whole(history_of(300), arrays.TICK_COLUMNS)
    sampled = part(blocks, "sampled").tolist()
    assert len(sampled) == arrays.TICK_COLUMNS
    assert sampled[-1] == 299
    history = history_of(300)
    history.append(frame(300, LAYERS, decay=0.01))
    blocks = arrays.whole(history, arrays.TICK_COLUMNS)
    assert np.array_equal(part(blocks, "value", "grad_rms")[-1], history["grad_rms"][-1])
