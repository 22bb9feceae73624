"""Fewer digits, and never another meaning."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gradwidget.view.export.rounding import (
    SCALAR_BITS,
    STATISTIC_BITS,
    drawn_in,
    rounded,
    rounded_arrays,
)
from gradwidget.view.protocol.codec import Array

numbers = st.floats(width=32, allow_nan=True)
sizes = st.just(0.0) | st.floats(2.0**-100, 2.0**100, width=32)


@given(st.lists(numbers, min_size=1), st.sampled_from([STATISTIC_BITS, SCALAR_BITS, 0]))
def test_a_number_stays_within_half_of_its_last_bit(given: list[float], spare: int) -> None:
    values = np.array(given, np.float32)
    found = rounded(values, spare)
    assert np.array_equal(np.isnan(found), np.isnan(values))
    assert np.array_equal(np.isinf(found), np.isinf(values))
    finite = np.isfinite(values)
    exact, kept = values[finite].astype(np.float64), found[finite].astype(np.float64)
    # What would become infinite is cut instead; below the least normal number bits have one size.
    bound = np.maximum(np.abs(exact), 2.0**-126) * 2.0 ** -(24 - spare)
    is_cut = np.abs(exact) > 3.39e38
    assert np.all(np.abs(kept - exact) <= np.where(is_cut, 2, 1) * bound)


@given(st.lists(st.tuples(sizes, sizes, sizes), min_size=1))
def test_an_extreme_is_drawn_in_by_less_than_a_factor_of_two_and_never_moved_out(
    given: list[tuple[float, float, float]],
) -> None:
    low, mean, high = np.sort(np.array(given, np.float32), axis=1).T
    fewer = rounded(mean, STATISTIC_BITS)
    least, most = drawn_in(low, mean, fewer), drawn_in(high, mean, fewer)
    assert np.all(least <= fewer)
    assert np.all(most >= fewer)
    assert np.all(least <= low * np.float32(2.05))
    assert np.all(most >= high / np.float32(2.05))
    slack = np.float32(1 + 2.0**-7)
    assert np.all(least * slack >= low)
    assert np.all(most <= high * slack)


def test_the_course_of_what_hardly_changes_gets_no_steps_that_the_run_did_not_have() -> None:
    slow = 4 * (1 + 1e-5 * np.arange(300, dtype=np.float32))
    still = np.full(300, 1 / 3, np.float32)
    noisy = np.exp(np.random.default_rng(0).normal(0, 0.3, 300)).astype(np.float32)
    values = np.stack([slow, still, noisy], axis=1)
    (array,) = rounded_arrays([Array("value", "weight_norm", values)])
    assert np.abs(array.values[:, 0] - slow).max() < 1e-5
    assert (np.diff(array.values[:, 0]) > 0).all()
    assert (array.values[:, 1] == still).all()
    errors = np.abs(array.values[:, 2] / noisy - 1)
    assert 1e-3 < errors.max() < 4e-3
    assert values[0, 1] == still[0], "what was given is left alone"


def test_a_number_of_the_whole_step_keeps_three_digits() -> None:
    loss = np.random.default_rng(0).lognormal(0, 1, 500).astype(np.float32)
    (array,) = rounded_arrays([Array("scalar", "loss", loss)])
    assert np.abs(array.values / loss - 1).max() < 3e-4


def test_steps_are_exact() -> None:
    steps = np.array([0, 123_456_789_012], np.float64)
    (array,) = rounded_arrays([Array("steps", "", steps)])
    assert array.values.tolist() == steps.tolist()
