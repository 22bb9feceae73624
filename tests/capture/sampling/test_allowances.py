from __future__ import annotations

from gradwidget.capture.sampling.allowances import ALLOWANCES, SERIES, Reason
from gradwidget.diagnose import suspicion
from gradwidget.diagnose.thresholds import Thresholds


def test_every_reason_has_its_allowance() -> None:
    assert list(ALLOWANCES) == list(Reason)


def test_every_reason_is_worth_a_step_and_can_be_granted() -> None:
    assert all(one.steps >= 1 and one.burst >= 1 for one in ALLOWANCES.values())


def test_what_is_limited_comes_back_more_rarely_than_at_every_step() -> None:
    limited = [one for one in ALLOWANCES.values() if one.burst < float("inf")]
    assert limited
    assert all(0 < one.refill < 1 for one in limited)


def test_a_series_is_what_the_diagnosis_counts_on_and_longer_than_the_window_of_a_rule() -> None:
    assert Thresholds().window < SERIES == suspicion.SERIES
