"""The interval between samples."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gradwidget.capture.sampling.interval import GIVE, SampleInterval


@given(st.lists(st.floats(0.01, 1e4), min_size=1))
def test_the_interval_always_pays_and_is_never_far_too_long(needs: list[float]) -> None:
    interval = SampleInterval()
    for needed in needs:
        steps = interval.settle(needed)
        assert steps >= needed
        assert steps == 1 or steps <= GIVE * needed
        assert steps & (steps - 1) == 0


@given(st.floats(0.5, 1e3), st.lists(st.floats(0.6, 0.99)))
def test_it_stays_where_the_need_is_a_little_less(needed: float, parts: list[float]) -> None:
    interval = SampleInterval()
    steps = interval.settle(needed)
    assert {interval.settle(part * steps) for part in parts} <= {steps}
