"""Recurrent layers are followed along time where it tells something, and not so often that it costs
much."""

from __future__ import annotations

import pytest

from gradwidget.capture.sampling.budget import AT_LEAST_EVERY, FIRST, Budget
from gradwidget.capture.sampling.recurrent_schedule import EVERY, RecurrentSchedule

STEP = 0.1


def run(budget: Budget, turns: RecurrentSchedule, steps: range) -> tuple[list[int], list[int]]:
    """Those of the steps that are looked at, and those of them in which the layers are followed."""
    seen, followed = [], []
    for step in steps:
        if budget.sampling:
            seen.append(step)
            if turns.take(step):
                followed.append(step)
        budget.stepped(STEP, 10 * STEP if budget.sampling else 0.0)
    return seen, followed


def test_the_first_steps_are_all_followed_and_later_one_after_a_while() -> None:
    budget = Budget(None)
    seen, followed = run(budget, RecurrentSchedule(budget), range(FIRST + 3 * EVERY))
    assert seen == list(range(FIRST + 3 * EVERY))
    assert followed == [*range(FIRST), *(FIRST - 1 + times * EVERY for times in (1, 2, 3))]


def test_of_steps_that_are_looked_at_alone_every_second_is_followed() -> None:
    budget = Budget(0.01)
    seen, followed = run(budget, RecurrentSchedule(budget), range(FIRST + 6 * AT_LEAST_EVERY))
    assert len(seen) == FIRST + 6
    assert followed == [*range(FIRST), *seen[FIRST + 1 :: 2]]


@pytest.mark.parametrize("share", [None, 0.01])
def test_while_something_looks_wrong_every_step_is_followed(share: float | None) -> None:
    budget = Budget(share)
    turns = RecurrentSchedule(budget)
    run(budget, turns, range(2 * FIRST))
    budget.force(5)
    _, followed = run(budget, turns, range(2 * FIRST, 2 * FIRST + EVERY))
    assert followed == list(range(2 * FIRST + 1, 2 * FIRST + 6))
