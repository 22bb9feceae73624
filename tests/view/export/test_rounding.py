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


@given(st.lists(numbers, min_size=1), st.sampled_from([STATISTIC_BITS, SCALAR_BITS]))
def test_a_number_stays_within_half_of_its_last_bit(given: list[float], bits: int) -> None:
    values = np.array(given, np.float32)
    found = rounded(values, bits)
    assert np.array_equal(np.isnan(found), np.isnan(values))
    assert np.array_equal(np.isinf(found), np.isinf(values))
    finite = np.isfinite(values)
    exact, kept = values[finite].astype(np.float64), found[finite].astype(np.float64)
    # What would become infinite is cut instead; below the least normal number bits have one size.
    bound = np.maximum(np.abs(exact), 2.0**-126) * 2.0 ** -(bits + 1)
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
    slack = np.float32(1 + 2.0**-STATISTIC_BITS)
    assert np.all(least * slack >= low)
    assert np.all(most <= high * slack)


def test_the_newest_column_stays_as_it_was_measured() -> None:
    values = np.array([[1 / 3], [1 / 7]], np.float32)
    arrays = [Array("scalar", "loss", values[:, 0]), Array("value", "grad_rms", values)]
    arrays += [Array("low", "grad_rms", values / 9), Array("high", "grad_rms", values * 9)]
    for before, after in zip(arrays, rounded_arrays(arrays), strict=True):
        assert after.values[-1] == before.values[-1]
        assert after.values[0] != before.values[0]
    assert arrays[0].values[0] == np.float32(1 / 3), "what was given is left alone"


def test_steps_are_exact() -> None:
    steps = np.array([0, 123_456_789_012], np.float64)
    (array,) = rounded_arrays([Array("steps", "", steps)])
    assert array.values.tolist() == steps.tolist()
