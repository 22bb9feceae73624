"""Gradients are read once only in loops that were seen to leave them alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gradwidget.capture.collect.gradients.reading_once import MOST, TURNS, ReadingOnce


def test_a_loop_that_leaves_them_alone_is_looked_at_again_from_time_to_time() -> None:
    once = ReadingOnce()
    due = []
    for _ in range(3 * (TURNS + 1)):
        due.append(once.is_due)
        once.step_ended(untouched=True)
    assert due == ([False] + TURNS * [True]) * 3


def test_a_loop_that_changes_them_in_every_step_never_has_them_read_once() -> None:
    once = ReadingOnce()
    for _ in range(100):
        assert not once.is_due
        once.step_ended(untouched=False)


def test_where_it_was_wrong_it_waits_for_ever_more_steps_up_to_a_limit() -> None:
    once = ReadingOnce()
    waits = []
    for _ in range(9):
        waits.append(0)
        while not once.is_due:
            waits[-1] += 1
            once.step_ended(untouched=True)
        once.step_ended(untouched=False)
    assert waits == [1, 2, 4, 8, 16, 32, MOST, MOST, MOST]


@given(st.lists(st.booleans(), max_size=300))
def test_in_any_loop_a_reading_in_vain_is_rare(untouched: list[bool]) -> None:
    once = ReadingOnce()
    in_vain = 0
    for is_untouched in untouched:
        in_vain += once.is_due and not is_untouched
        once.step_ended(untouched=is_untouched)
    # Each but those after the seventh waits twice as long as the one before.
    assert in_vain <= 7 + len(untouched) / MOST
    assert not in_vain or 2 ** min(in_vain, 7) - 1 <= len(untouched)
