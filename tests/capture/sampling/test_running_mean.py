from __future__ import annotations

from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradwidget.capture.sampling.running_mean import RunningMean

LENGTH = 10
VALUES = st.floats(-1e3, 1e3)


def of(values: list[float]) -> RunningMean:
    mean = RunningMean(LENGTH)
    for value in values:
        mean.add(value)
    return mean


@given(values=st.lists(VALUES, min_size=1, max_size=LENGTH))
def test_it_is_the_mean_of_the_first_values(values: list[float]) -> None:
    assert of(values).value == pytest.approx(fmean(values), abs=1e-9)


@given(values=st.lists(VALUES, min_size=1, max_size=100))
def test_it_is_never_outside_of_what_there_was(values: list[float]) -> None:
    assert min(values) - 1e-9 <= of(values).value <= max(values) + 1e-9


@given(before=st.lists(VALUES, min_size=LENGTH, max_size=LENGTH), times=st.integers(1, 50))
def test_it_forgets_older_values_at_a_steady_rate(before: list[float], times: int) -> None:
    forgotten = of([*before, *[0.0] * times]).value
    assert forgotten == pytest.approx(fmean(before) * (1 - 1 / LENGTH) ** times, abs=1e-9)


def test_it_is_settled_once_there_were_as_many_values_as_it_remembers() -> None:
    assert not of([1.0] * (LENGTH - 1)).is_settled
    assert of([1.0] * (LENGTH + 1)).is_settled
