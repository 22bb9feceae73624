"""Remedies carried out on a run that starts again, and what counts as a cure."""

from __future__ import annotations

import math

import torch

from evaluation.cures.attempt import Attempt, attempt
from evaluation.cures.table import summary, table
from evaluation.cures.treatment import Bounds, Treatment
from evaluation.runs.catalog import all_runs
from evaluation.runs.run import Conditions
from gradwidget.diagnose.finding import Remedy

RUNS = all_runs()


def _tried(code: str, run: str = "mlp_rate_too_low", before_step: int = 0) -> tuple[bool, str]:
    outcome = attempt(RUNS[run], Conditions(), Remedy("try", "to see", code), before_step)
    return Bounds.of(RUNS[run], Conditions()).cured(outcome.end), outcome.error


def test_a_remedy_that_undoes_the_fault_cures() -> None:
    code = "for group in optimizer.param_groups:\n    group['lr'] *= 1e4"
    assert _tried(code) == (True, "")


def test_a_remedy_that_changes_nothing_does_not_cure() -> None:
    assert _tried("print(model)") == (False, "")
    assert _tried("# lower the rate in your loop") == (False, "")


def test_a_new_optimizer_is_what_the_loop_goes_on_with() -> None:
    assert _tried("optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)") == (True, "")


def test_what_a_remedy_raises_is_listed_and_no_cure() -> None:
    cured, error = _tried("scheduler.step()")
    assert not cured
    assert error == "NameError: name 'scheduler' is not defined"


def test_global_state_that_a_remedy_leaves_is_named_and_put_back() -> None:
    code = "torch.autograd.set_detect_anomaly(True)\ntorch.set_default_dtype(torch.float32)"
    outcome = attempt(RUNS["mlp_plain"], Conditions(), Remedy("", "", code), 199)
    assert outcome.left_behind == ("anomaly mode",)
    assert not torch.is_anomaly_enabled()


def test_cured_is_half_of_the_way_in_the_logarithm() -> None:
    bounds = Bounds(sick=1.0, fixed=0.02, floor=0.02)
    assert [bounds.cured(end) for end in (0.0, 0.1, 0.2)] == [True, True, False]
    assert not bounds.cured(math.inf)
    assert not bounds.cured(math.nan)


def test_a_run_that_ends_no_better_without_its_fault_has_no_known_cure() -> None:
    assert not Bounds(sick=1.0, fixed=0.9, floor=0.02).known
    assert Bounds(sick=1.0, fixed=0.5, floor=0.02).known


def test_the_table_counts_by_cause_and_keeps_what_is_scored_last_to_sums() -> None:
    tries = (Attempt("wait", 2.0), Attempt("raise the rate", 0.1))
    cured = Treatment(
        "mlp_rate_too_low",
        0,
        "lr_too_low",
        named=True,
        known_cure=True,
        attempts=tries,
        cured=(False, True),
    )
    told = Treatment("mlp_detached", 0, "no_gradient", named=True, known_cure=False)
    text = table([cured, told])
    assert "lr_too_low                       1    0.00      1.00" in text
    assert "no_gradient                      1    1.00" in text
    assert "first advice 0/1, any of three 1/1, named for a person 1/1" in summary([cured, told])


def test_a_run_that_begins_as_no_number_can_be_cured() -> None:
    code = """\
last = [part for part in model.modules() if isinstance(part, torch.nn.Linear)][-1]
with torch.no_grad():
    last.weight = torch.randn_like(last.weight)
"""
    assert _tried(code, "mlp_direction_of_nothing") == (True, "")
