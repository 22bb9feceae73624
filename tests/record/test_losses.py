from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradwidget.record.every_step import every_step
from gradwidget.record.losses import COLUMNS, EARLY, KEPT, Losses


def filled(count: int, piece: int) -> Losses:
    losses = Losses()
    for start in range(0, count, piece):
        steps = np.arange(start, min(count, start + piece))
        losses.extend(steps, np.sqrt(steps))
    return losses


def test_the_newest_losses_are_there_one_by_one() -> None:
    losses = filled(100_000, 777)
    steps, values = losses.recent(KEPT)
    assert steps.tolist() == list(range(100_000 - KEPT, 100_000))
    np.testing.assert_array_equal(values, np.sqrt(steps))


@pytest.mark.parametrize("count", [3, EARLY, 1_000_000])
def test_the_first_losses_are_there_one_by_one_for_good(count: int) -> None:
    losses = filled(count, 7_777)
    steps, values = losses.first()
    assert steps.tolist() == list(range(min(count, EARLY)))
    np.testing.assert_array_equal(values, np.sqrt(steps))


def test_a_column_has_the_mean_of_all_its_losses() -> None:
    losses = filled(50_000, 50_000)
    ends = np.append(losses.steps[1:], 50_000)
    for first, end, value in zip(losses.steps, ends, losses.means, strict=True):
        assert value == pytest.approx(np.sqrt(np.arange(first, end)).mean())


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60_000), st.integers(1, 5_000))
def test_it_is_bounded_and_does_not_depend_on_how_losses_come(count: int, piece: int) -> None:
    pieces, whole = filled(count, piece), filled(count, count)
    assert len(pieces.steps) <= COLUMNS
    assert pieces.steps[0] == 0
    np.testing.assert_array_equal(pieces.steps, whole.steps)
    np.testing.assert_array_equal(pieces.means, whole.means)


def test_a_step_that_is_over_is_left_out() -> None:
    losses = Losses()
    losses.extend([3, 3, 5, 4, 9], [1, 2, 3, 4, 5])
    losses.extend([9, 2, 10], [6, 7, 8])
    assert losses.steps.tolist() == [3, 5, 9, 10]
    assert losses.means.tolist() == [1, 3, 5, 8]
    assert (losses.version, losses.last_step) == (4, 10)


def test_a_nan_stays_one() -> None:
    losses = Losses()
    values = np.ones(10_000)
    values[100] = np.nan
    losses.extend(np.arange(10_000), values)
    assert np.isnan(losses.means).sum() == 1


def test_losses_stand_between_the_columns_of_a_history() -> None:
    rows = every_step(np.array([0, 4]), np.array([0, 1, 2]), np.array([0.5, np.nan, 0.25]))
    assert rows.steps.tolist() == [0, 1, 2, 4]
    assert rows.has_loss.tolist() == [True, True, True, False]
    np.testing.assert_array_equal(rows.spread(np.array([7.0, 8.0])), [7, np.nan, np.nan, 8])


def test_the_level_is_the_median_of_the_newest_of_which_there_have_to_be_enough() -> None:
    losses = Losses()
    rng = np.random.default_rng(0)
    values = rng.normal(size=EARLY + 60)
    losses.extend(range(EARLY - 1), values[: EARLY - 1])
    assert np.isnan(losses.level)
    losses.extend(range(EARLY - 1, len(values)), values[EARLY - 1 :])
    assert losses.level == pytest.approx(np.median(values[-EARLY:]))
    losses.extend([200], [np.nan])
    assert losses.level == pytest.approx(np.median(values[-EARLY + 1 :]))
