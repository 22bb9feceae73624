"""Statistics of layers follow from those of their parameters, tied and missing ones included."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gradwidget.capture.stats.per_layer import PerLayer

Array = NDArray[np.float64]


class Ownership(NamedTuple):
    """Layers, and the parameters that each owns."""

    owned: list[list[int]]
    values: Array
    read: NDArray[np.bool_]

    def place(self) -> PerLayer:
        pairs = [(number, row) for row, own in enumerate(self.owned) for number in own]
        numbers, rows = zip(*pairs, strict=True) if pairs else ((), ())
        sizes = np.arange(1.0, len(self.values) + 1)
        return PerLayer(len(self.owned), np.array(numbers, np.intp), np.array(rows, np.intp), sizes)

    def of(self, row: int) -> Array:
        """The values of a layer's parameters that were read."""
        return self.values[[number for number in self.owned[row] if self.read[number]]]


@st.composite
def ownerships(draw: st.DrawFn) -> Ownership:
    count = draw(st.integers(1, 6))
    own = st.lists(st.integers(0, count - 1), unique=True, max_size=count)
    return Ownership(
        draw(st.lists(own, min_size=1, max_size=5)),
        np.array(draw(st.lists(st.floats(0, 100), min_size=count, max_size=count))),
        np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count))),
    )


@given(ownerships())
def test_sums_norms_and_largest_are_those_of_the_parameters_that_were_read(one: Ownership) -> None:
    place = one.place()
    total, norm, largest = (
        place.total(one.values, one.read),
        place.norm(one.values, one.read),
        place.largest(one.values, one.read),
    )
    for row in range(len(one.owned)):
        own = one.of(row)
        for column in (total, norm, largest):
            assert column.measured[row] == bool(len(own))
            assert np.isnan(column.values[row]) == (not len(own))
        if len(own):
            assert total.values[row] == pytest.approx(own.sum())
            assert norm.values[row] == pytest.approx(np.sqrt((own**2).sum()))
            assert largest.values[row] == own.max()


@given(ownerships(), st.sets(st.integers(0, 5), max_size=2))
def test_a_layer_with_a_parameter_that_could_not_be_read_is_not_measured_at_all(
    one: Ownership, lost: set[int]
) -> None:
    found = one.place().without(lost).norm(one.values, one.read)
    whole = one.place().norm(one.values, one.read)
    for row, own in enumerate(one.owned):
        if lost & set(own):
            assert not found.measured[row]
        else:
            np.testing.assert_equal(found.values[row], whole.values[row])


def test_a_ratio_to_nothing_is_not_measured() -> None:
    place = PerLayer(2, np.array([0, 1]), np.array([0, 1]), np.ones(2))
    above, below = np.array([1.0, 1.0]), np.array([0.0, 4.0])
    with np.errstate(all="ignore"):  # as a frame is made
        column = place.ratio(above, below, np.array([True, True]))
    assert column.measured.tolist() == [False, True]
    assert column.values[1] == 0.25


def test_a_nan_is_the_largest_of_all() -> None:
    place = PerLayer(1, np.array([0, 1, 2]), np.array([0, 0, 0]), np.ones(3))
    with np.errstate(all="ignore"):  # as a frame is made
        column = place.largest(np.array([1.0, np.nan, 2.0]), np.ones(3, np.bool_))
    assert np.isnan(column.values[0])
    assert column.measured[0]


def test_a_layer_lacks_gradients_where_some_are_held_and_none_was_read() -> None:
    place = PerLayer(3, np.array([0, 1, 2]), np.array([0, 1, 2]), np.ones(3))
    held, read = np.array([True, True, False]), np.array([True, False, False])
    column = place.lacking(held, read)
    assert column.measured.tolist() == [True, True, False]
    assert column.values[:2].tolist() == [0.0, 1.0]


def test_fractions_and_means_count_the_entries_of_all_parameters() -> None:
    place = PerLayer(1, np.array([0, 1]), np.array([0, 0]), np.array([4.0, 6.0]))
    # two parameters: norms 3 and 4, sums 5 and 7, peaks 2 and 1, 3 and 6 entries other than 0
    statistics = np.array([[3.0, 4.0], [5.0, 7.0], [2.0, 1.0], [3.0, 6.0], [0.0, 1.0]])
    columns = place.gradient_columns(statistics, np.ones(2, np.bool_))
    found = {name: float(column.values[0]) for name, column in columns.items()}
    assert found == pytest.approx(
        {
            "grad_norm": 5.0,
            "grad_rms": 5.0 / 10**0.5,
            "grad_mean_abs": 1.2,
            "grad_max_abs": 2.0,
            "grad_zero_fraction": 0.1,
            "grad_nonfinite": 1.0,
        }
    )
