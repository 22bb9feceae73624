"""What is said of the processes of a training."""

from __future__ import annotations

import math

from gradwidget.frame import Standing
from gradwidget.record.rank_log import Rank
from gradwidget.report.processes import ALONE, MOST, Processes, listed, rank_lines


def healthy(rank: int) -> Rank:
    return Rank(rank, 9, 0.5, 0.01)


SICK = Rank(30, 9, math.nan, math.nan, nonfinite_step=3, nonfinite_phase="input", apart_since=5)


def test_of_one_process_nothing_is_said() -> None:
    assert ALONE.summary == ""
    assert rank_lines([healthy(0)]) == []


def test_the_first_line_says_how_many_there_are_and_what_is_wrong_with_one() -> None:
    assert Processes(ranks=[healthy(0), healthy(1)]).summary == "2 processes"
    sick = Processes(ranks=[healthy(0), SICK]).summary
    said = "first not finite: step 3 (input) · other weights since step 5"
    assert sick == f"2 processes · rank 30: {said}"


def test_one_that_does_not_judge_has_a_line_too() -> None:
    assert Processes(Standing(0, ("Rank 0 judges.",))).summary == "one of several processes"


def test_of_many_those_are_listed_that_something_is_to_be_said_of() -> None:
    many = [*map(healthy, range(20)), SICK]
    assert listed(many) == ([SICK], "and 20 more")
    assert rank_lines(many)[1:] == [
        "  rank 30  loss nan · first not finite: step 3 (input) · other weights since step 5",
        "  and 20 more",
    ]
    assert listed(many[:MOST]) == (many[:MOST], "")
