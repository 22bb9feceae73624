"""Every statistic agrees with plain autograd, on every awkward loop."""

from __future__ import annotations

import pytest

import tests.awkward.loops  # noqa: F401  # registers every loop
from tests.awkward.loop import LOOPS, Case
from tests.awkward.truth.agreement import disagreements

RUNS = [(case, optimizer) for case in LOOPS.values() for optimizer in case.optimizers]


def test_the_zoo_is_large() -> None:
    assert len(LOOPS) >= 40


@pytest.mark.parametrize(("case", "optimizer"), RUNS, ids=lambda one: getattr(one, "name", one))
def test_every_statistic_is_true(case: Case, optimizer: str) -> None:
    assert [str(wrong) for wrong in disagreements(case, optimizer)] == []
