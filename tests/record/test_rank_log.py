from __future__ import annotations

import math

from gradwidget.frame import RankPart
from gradwidget.record.rank_log import RankLog


def test_the_first_that_was_not_finite_is_kept() -> None:
    log = RankLog()
    log.add(0, (RankPart(0, 1.0, 0.1), RankPart(1, 1.0, 0.1)))
    log.add(1, (RankPart(0, 1.0, 0.1), RankPart(1, math.nan, 0.1, "input")))
    log.add(2, (RankPart(0, math.nan, 0.1, "weights"), RankPart(1, math.nan, 0.1, "input")))
    assert [one.nonfinite_step for one in log.ranks] == [None, 1]


def test_what_all_have_at_once_is_nobodys_own() -> None:
    log = RankLog()
    log.add(0, (RankPart(0, math.nan, 0.1, "weights"), RankPart(1, math.nan, 0.1, "weights")))
    assert [one.nonfinite_step for one in log.ranks] == [None, None]


def test_one_that_takes_longer_than_the_others_lags() -> None:
    log = RankLog()
    for step in range(5):
        log.add(step, tuple(RankPart(rank, 1.0, 0.3 if rank == 2 else 0.1) for rank in range(4)))
    assert [one.lags for one in log.ranks] == [False, False, True, False]


def test_since_when_weights_are_others_is_kept_until_they_are_alike() -> None:
    log = RankLog()
    for step, apart in enumerate((False, True, True, False)):
        log.add(step, (RankPart(0, 1.0, 0.1), RankPart(1, 1.0, 0.1, apart=apart)))
        assert log.ranks[1].apart_since == (1 if apart else None)
