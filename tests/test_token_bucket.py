from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradwidget.token_bucket import TokenBucket


def test_as_much_as_the_burst_may_happen_in_a_row() -> None:
    bucket = TokenBucket(3)
    assert [bucket.take() for _ in range(5)] == [True, True, True, False, False]


def test_what_is_refused_costs_nothing() -> None:
    bucket = TokenBucket(3)
    assert not bucket.take(4)
    assert bucket.take(3)


def test_a_debt_is_paid_before_anything_is_taken() -> None:
    bucket = TokenBucket(2, balance=0)
    bucket.fill(-1)
    bucket.fill(1.5)
    assert not bucket.take()
    bucket.fill(0.5)
    assert bucket.take()


@given(
    burst=st.integers(1, 20),
    refill=st.fractions(0, 1),
    wishes=st.lists(st.integers(0, 5), max_size=200),
)
def test_never_is_more_taken_than_the_burst_and_what_came_back(
    burst: int, refill: float, wishes: list[int]
) -> None:
    bucket = TokenBucket(burst)
    taken = [0]
    for wished in wishes:
        taken.append(sum(bucket.take() for _ in range(wished)))
        bucket.fill(refill)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            assert sum(taken[first : last + 1]) <= burst + refill * (last - first)


@given(burst=st.integers(1, 5), tokens=st.lists(st.floats(0, 3), max_size=50))
def test_no_more_than_the_burst_is_ever_saved_up(burst: int, tokens: list[float]) -> None:
    bucket = TokenBucket(burst)
    for some in tokens:
        bucket.fill(some)
        assert bucket.balance <= burst


@pytest.mark.parametrize("balance", [0.0, 0.5, 2.0])
def test_it_may_start_with_less_than_it_holds(balance: float) -> None:
    assert TokenBucket(2, balance).balance == balance
