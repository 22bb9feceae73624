from __future__ import annotations

import pytest

from gradwidget.capture.sampling.budget import AT_LEAST_EVERY, FIRST, HURRY, Budget

STEP = 0.1
COST = 1.0
"""Far more than the budget pays for, so that a sample is only taken where it is forced or due."""


def sampled(budget: Budget, steps: int, cost: float = COST) -> list[bool]:
    """Which of the next steps are sampled, where each costs so many seconds."""
    taken = []
    for _ in range(steps):
        taken.append(budget.sampling)
        budget.stepped(STEP, cost if budget.sampling else 0.0)
    return taken


def settled(cost: float = COST) -> Budget:
    budget = Budget(0.01)
    sampled(budget, FIRST, cost)
    return budget


def test_the_first_steps_are_sampled_whatever_they_cost() -> None:
    assert sampled(Budget(0.01), FIRST + 1) == [True] * FIRST + [False]


def test_forced_are_the_steps_after_the_one_under_way() -> None:
    budget = settled()
    budget.force(2)
    assert sampled(budget, 4) == [False, True, True, False]


def test_a_sample_is_taken_in_the_end_even_beyond_the_budget() -> None:
    assert sampled(settled(), AT_LEAST_EVERY) == [False] * (AT_LEAST_EVERY - 1) + [True]


def test_hurry_brings_the_samples_closer_together_until_it_is_taken_back() -> None:
    budget = settled(cost=0.4 * STEP)
    budget.hurry(10)
    assert sampled(budget, 20, cost=0.4 * STEP) == ([False] * 9 + [True]) * 2
    budget.hurry(0)
    assert not any(sampled(budget, 20, cost=0.4 * STEP))


@pytest.mark.parametrize("share", [0.01, 0.05])
def test_hurry_has_its_price_as_well(share: float) -> None:
    budget = Budget(share)
    sampled(budget, FIRST, cost=2 * STEP)
    budget.hurry(1)
    assert sum(sampled(budget, 1000, cost=2 * STEP)) == pytest.approx(
        1000 * HURRY * share / 2, rel=0.15
    )


def test_the_share_holds_over_a_long_run() -> None:
    budget = Budget(0.01)
    spent = 0.0
    for _ in range(5000):
        ours = 0.004 if budget.sampling else 0.0
        spent += ours
        budget.stepped(STEP, ours)
    assert spent <= 0.01 * 5000 * STEP


def test_without_a_share_every_step_is_sampled() -> None:
    assert all(sampled(Budget(None), 50))
