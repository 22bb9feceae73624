"""Recurrent layers are measured along time where it tells something, and not so often that it costs
much."""

from __future__ import annotations

from itertools import pairwise

import pytest

from gradwidget.capture.sampling.allowances import (
    ALLOWANCES,
    ALONG_TIME,
    AT_LEAST_EVERY,
    SERIES,
    Reason,
)
from gradwidget.capture.sampling.decision import SamplingDecision
from gradwidget.capture.sampling.recurrent_schedule import RecurrentSchedule

STEP = 0.1
EVERY = round(1 / ALONG_TIME)


def run(
    decision: SamplingDecision, schedule: RecurrentSchedule, steps: range
) -> tuple[list[int], list[int]]:
    """Those of the steps that are sampled, and those of them that are measured along time."""
    sampled, along_time = [], []
    for step in steps:
        if decision.sampling:
            sampled.append(step)
            if schedule.take(step):
                along_time.append(step)
        decision.stepped(STEP, 10 * STEP if decision.sampling else 0.0)
    return sampled, along_time


def test_the_first_steps_are_all_measured_and_later_one_after_a_while() -> None:
    decision = SamplingDecision(None)
    sampled, along_time = run(decision, RecurrentSchedule(decision), range(SERIES + 3 * EVERY))
    assert sampled == list(range(SERIES + 3 * EVERY))
    assert along_time == [*range(SERIES), *(SERIES - 1 + times * EVERY for times in (1, 2, 3))]


def test_of_steps_that_are_sampled_alone_every_second_is_measured() -> None:
    decision = SamplingDecision(0.01)
    sampled, along_time = run(
        decision, RecurrentSchedule(decision), range(SERIES + 6 * AT_LEAST_EVERY)
    )
    assert len(sampled) == SERIES + 6
    assert along_time == [*range(SERIES), *sampled[SERIES + 1 :: 2]]


@pytest.mark.parametrize(
    ("apart", "every"), [(1, 16), (2, 16), (3, 18), (5, 20), (8, 16), (50, 100)]
)
def test_it_takes_sixteen_steps_and_two_samples_to_the_next_one(apart: int, every: int) -> None:
    schedule = RecurrentSchedule(decision := SamplingDecision(None))
    run(decision, schedule, range(SERIES + 1))
    steps = range(SERIES + 1, SERIES + 1 + 10 * every, apart)
    along_time = [step for step in steps if schedule.take(step)]
    assert {later - step for step, later in pairwise(along_time)} == {every}


@pytest.mark.parametrize("share", [None, 0.01])
def test_while_something_looks_wrong_every_step_is_measured(share: float | None) -> None:
    decision = SamplingDecision(share)
    schedule = RecurrentSchedule(decision)
    run(decision, schedule, range(2 * SERIES))
    decision.request(Reason.LOSS_JUMP)
    _, along_time = run(decision, schedule, range(2 * SERIES, 2 * SERIES + EVERY))
    assert along_time == [
        2 * SERIES + 1 + step for step in range(ALLOWANCES[Reason.LOSS_JUMP].steps)
    ]
