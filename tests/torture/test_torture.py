"""A fixed slice of the torture, and proof that it finds what it looks for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import tests.torture.kinds  # registers every extra
from tests.torture.case import Case, draw, each
from tests.torture.child import Outcome
from tests.torture.extra import EXTRAS
from tests.torture.minimize import minimized
from tests.torture.planted import PLANTED
from tests.torture.reference.compare import Failure

assert tests.torture.kinds.__doc__


def torture(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command, in a process of its own from which it can fork."""
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_nothing_unusual_by_itself_disturbs_training_or_blinds_a_monitor(root: Path) -> None:
    done = torture(root, "tests.torture", "--each", "--seed", "0")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_nor_do_many_unusual_things_together(root: Path) -> None:
    done = torture(root, "tests.torture", "--cases", "60", "--seed", "0")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_each_check_finds_the_defect_that_is_planted_for_it(root: Path) -> None:
    done = torture(root, "tests.torture.planted")
    found = json.loads(done.stdout)
    assert found.pop("") == []
    assert {check: check in checks for check, checks in found.items()} == dict.fromkeys(
        PLANTED, True
    )


def test_a_case_is_the_same_after_it_was_printed_and_pasted() -> None:
    for number in range(300):
        case = draw(1, number)
        assert Case.parse(str(case)) == case


def test_a_seed_draws_the_same_cases_again() -> None:
    assert [draw(5, number) for number in range(50)] == [draw(5, number) for number in range(50)]
    assert [draw(5, number) for number in range(50)] != [draw(6, number) for number in range(50)]


def test_every_extra_is_drawn_and_has_a_plain_case_of_its_own() -> None:
    assert {name for number in range(3000) for name in draw(2, number).extras} == set(EXTRAS)
    assert all(case.is_sound for case in each())
    assert [case.extras for case in each()] == [(name,) for name in sorted(EXTRAS)]


def test_a_failing_case_is_made_as_small_as_what_it_takes_to_fail() -> None:
    def attempt(case: Case) -> Outcome:
        fails = "nan_loss" in case.extras and case.steps >= 2 and "default" in case.watches
        return Outcome((Failure("bits", "default", ""),) if fails else ())

    large = Case(
        seed=3,
        model="residual",
        loop="clipped",
        optimizer="adam",
        layers=5,
        steps=14,
        extras=("autocast", "moved_model", "nan_loss"),
        watches=("full", "default", "parameters"),
    )
    small, outcome = minimized(large, attempt(large), "bits", attempt)
    assert small == Case(seed=3, steps=12, extras=("nan_loss",), watches=("default",))
    assert outcome.checks == {"bits"}
