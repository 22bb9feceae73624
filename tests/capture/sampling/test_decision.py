from __future__ import annotations

import itertools
import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradwidget.capture.sampling.allowances import (
    AIM,
    ALLOWANCES,
    AT_LAST_EVERY,
    AT_LEAST_EVERY,
    CHEAP,
    EARLY,
    LATER,
    SERIES,
    WATCH_EVERY,
    WATCH_PRICE,
    Reason,
)
from gradwidget.capture.sampling.decision import SamplingDecision

STEP = 0.1
COST = 1.0
"""Far more than the budget pays for: a step is only sampled where it is requested or overdue."""
LIMITED = [reason for reason, one in ALLOWANCES.items() if one.refill]


def sampled(decision: SamplingDecision, steps: int, cost: float = COST) -> list[bool]:
    """Which of the next steps are sampled, where each costs this many seconds."""
    sampled = []
    for _ in range(steps):
        sampled.append(decision.sampling)
        decision.stepped(STEP, cost if decision.sampling else 0.0)
    return sampled


def settled(cost: float = COST) -> SamplingDecision:
    decision = SamplingDecision(0.01)
    sampled(decision, SERIES, cost)
    return decision


def test_the_first_steps_are_sampled_whatever_they_cost() -> None:
    assert sampled(SamplingDecision(0.01), SERIES + 1) == [True] * SERIES + [False]


@pytest.mark.parametrize("reason", Reason)
def test_requested_are_the_steps_after_the_one_under_way(reason: Reason) -> None:
    decision, steps = settled(), ALLOWANCES[reason].steps
    assert decision.request(reason)
    assert sampled(decision, steps + 2) == [False, *[True] * steps, False]


def test_of_two_requests_the_longer_one_counts() -> None:
    decision = settled()
    decision.request(Reason.LOSS_JUMP)
    decision.request(Reason.LOSS_RISE)
    steps = ALLOWANCES[Reason.LOSS_JUMP].steps
    assert sum(sampled(decision, 2 * steps)) == steps


@pytest.mark.parametrize("reason", LIMITED)
def test_a_reason_that_is_too_frequent_is_not_granted(reason: Reason) -> None:
    decision, allowance = settled(), ALLOWANCES[reason]
    assert sum(decision.request(reason) for _ in range(100)) == allowance.burst
    sampled(decision, 1 + round(1 / allowance.refill))
    assert [decision.request(reason) for _ in range(2)] == [True, False]


def test_a_reason_that_is_too_frequent_leaves_the_others_their_own() -> None:
    decision = settled()
    while decision.request(Reason.SPOT_CHECK):
        pass
    assert decision.request(Reason.WEIGHT_DRIFT)
    assert decision.request(Reason.OVERFLOW)


@settings(deadline=None)
@given(reason=st.sampled_from(LIMITED), wishes=st.lists(st.integers(0, 4), max_size=300))
def test_no_more_is_granted_than_the_burst_and_what_came_back(
    reason: Reason, wishes: list[int]
) -> None:
    decision, allowance = SamplingDecision(0.01), ALLOWANCES[reason]
    granted = 0
    for step, wished in enumerate(wishes):
        granted += sum(decision.request(reason) for _ in range(wished))
        assert granted <= allowance.burst + allowance.refill * step
        decision.stepped(STEP, 0.0)


def test_a_sample_is_made_in_the_end_even_beyond_the_budget() -> None:
    decision = SamplingDecision(0.01)
    assert [i for i, one in enumerate(sampled(decision, 3 * AT_LEAST_EVERY)) if one] == [
        *range(SERIES),
        AT_LEAST_EVERY,
        2 * AT_LEAST_EVERY,
    ]


def test_a_short_run_of_quick_steps_leaves_no_long_end_unsampled() -> None:
    decision, quick = SamplingDecision(0.01), CHEAP / 2
    chosen = []
    for step in range(AT_LEAST_EVERY * EARLY):
        chosen += [step] if decision.sampling else []
        decision.stepped(quick / 10, quick if decision.sampling else 0.0)
        if step > AT_LEAST_EVERY:
            assert step - chosen[-1] < (step + 1) / (EARLY + 1)
    assert chosen[SERIES:] == [100, 128, 160, 192, 256]
    after = [i for i, one in enumerate(sampled(decision, 3 * AT_LEAST_EVERY, quick)) if one]
    assert len(after) == 3


def test_where_a_long_interval_ends_is_a_sample_however_short_the_next_one_is() -> None:
    decision, chosen = SamplingDecision(0.01), []
    for step in range(AT_LEAST_EVERY + 1):
        chosen += [step] if decision.sampling else []
        # The last of the first samples makes their mean a cheap one.
        cost = 1.05 * CHEAP if step < SERIES - 1 else CHEAP / 2
        decision.stepped(CHEAP / 10, cost if decision.sampling else 0.0)
    assert chosen == [*range(SERIES), AT_LEAST_EVERY]


def test_slow_samples_are_no_more_than_the_budget_pays_for() -> None:
    decision, slow = settled(2 * CHEAP), 2 * CHEAP
    assert not any(sampled(decision, AT_LEAST_EVERY - SERIES, slow))


def test_a_longer_run_has_to_do_with_half_as_many_and_half_as_many_again() -> None:
    decision = SamplingDecision(0.01)
    chosen = [i for i, one in enumerate(sampled(decision, 2 * LATER[1])) if one][SERIES:]
    gaps = {step: step - before for before, step in itertools.pairwise(chosen)}
    assert gaps[LATER[0]] == AT_LEAST_EVERY
    assert gaps[LATER[1]] == 2 * AT_LEAST_EVERY
    assert gaps[max(gaps)] == AT_LAST_EVERY
    assert list(gaps.values()) == sorted(gaps.values())


def test_watching_brings_the_samples_closer_together_until_it_is_over() -> None:
    decision = settled(cost=0.4 * STEP)
    decision.watched = True
    assert sum(sampled(decision, 5 * WATCH_EVERY, cost=0.4 * STEP)) >= 4
    decision.watched = False
    assert sum(sampled(decision, 5 * WATCH_EVERY, cost=0.4 * STEP)) <= 1


@pytest.mark.parametrize("share", [0.01, 0.02])
def test_watching_has_its_price_as_well(share: float) -> None:
    decision = SamplingDecision(share)
    sampled(decision, SERIES, cost=2 * STEP)
    decision.watched = True
    paid = sum(sampled(decision, 1000, cost=2 * STEP)) * 2
    assert 0.4 * WATCH_PRICE * share * 1000 <= paid <= 1.1 * WATCH_PRICE * share * 1000


@settings(deadline=None)
@given(cost=st.floats(1e-4, 0.02), share=st.sampled_from([0.01, 0.02, 0.05]))
def test_the_share_holds_over_a_long_run(cost: float, share: float) -> None:
    decision, steps = SamplingDecision(share), 3000
    spent = cost * sum(sampled(decision, steps, cost))
    unpaid = cost * (SERIES + steps / AT_LEAST_EVERY)
    assert spent <= AIM * share * steps * STEP + unpaid


@pytest.mark.parametrize("times", [0.6, 1.0, 2.5, 5.0])
def test_at_least_half_of_what_is_meant_to_be_spent_is_spent(times: float) -> None:
    decision = SamplingDecision(0.01)
    cost = times * AIM * 0.01 * STEP
    part = sum(sampled(decision, 2000, cost)) * times / 2000
    assert 0.5 < part <= max(times, 1.01) if times <= 1 else 0.5 < part < 1.02


def test_the_same_steps_are_sampled_where_steps_take_a_little_longer() -> None:
    def steps(pace: float) -> list[int]:
        decision, random = SamplingDecision(0.01), Random(str(pace))  # noqa: S311  # noise of a clock
        chosen = []
        for step in range(1000):
            if decision.sampling:
                chosen.append(step)
            busy = pace * random.uniform(0.8, 1.25)
            decision.stepped(STEP / 2 * busy, 0.005 * busy if decision.sampling else 0.0)
        return chosen

    assert steps(1.0) == steps(1.1) == steps(3.0)


def test_time_that_was_spent_elsewhere_is_saved_at_the_samples() -> None:
    plain, charged = settled(cost=0.002), settled(cost=0.002)
    for _ in range(AT_LEAST_EVERY):
        charged.charge(0.8 * AIM * 0.01 * STEP)
        charged.stepped(STEP, 0.002 if charged.sampling else 0.0)
    assert sum(sampled(charged, 90, 0.002)) < sum(sampled(plain, 90, 0.002)) / 2


def test_where_nothing_is_left_for_samples_they_are_as_rare_as_ever() -> None:
    charged, made = settled(cost=0.002), 0
    for step in range(LATER[-1] + 6 * AT_LAST_EVERY):
        charged.charge(2 * AIM * 0.01 * STEP)
        made += charged.sampling and step >= LATER[-1] + 2 * AT_LAST_EVERY
        charged.stepped(STEP, 0.002 if charged.sampling else 0.0)
    assert made == 4


def test_a_pause_between_two_steps_buys_no_samples() -> None:
    decision, other = settled(cost=0.002), settled(cost=0.002)
    decision.stepped(1000 * STEP, 0.0)
    other.stepped(STEP, 0.0)
    assert sampled(decision, 50, 0.002) == sampled(other, 50, 0.002)


def test_without_a_share_every_step_is_sampled() -> None:
    assert all(sampled(SamplingDecision(None), 50))


def test_without_a_share_there_is_time_for_anything_at_every_step() -> None:
    assert SamplingDecision(None).seconds_per_step == float("inf")


def test_what_is_cheap_may_use_a_part_of_the_share_at_every_step() -> None:
    decision = settled()
    assert decision.seconds_per_step == pytest.approx(AIM**2 * 0.01 * STEP)


def test_the_steps_at_the_start_do_not_count_in_the_share_but_in_the_seconds() -> None:
    decision = SamplingDecision(None)
    for _ in range(ALLOWANCES[Reason.START].steps):
        decision.stepped(STEP, 0.9 * STEP)
    assert math.isnan(decision.overhead)
    for _ in range(AT_LEAST_EVERY):
        assert math.isnan(decision.overhead)
        decision.stepped(STEP, 0.25 * STEP)
    assert decision.overhead == pytest.approx(0.25)
    counted = ALLOWANCES[Reason.START].steps * 0.9 + AT_LEAST_EVERY * 0.25
    assert decision.spent == pytest.approx(counted * STEP)
