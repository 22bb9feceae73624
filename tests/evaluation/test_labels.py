"""Measurement confirms the label of every run."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from fnmatch import fnmatchcase
from itertools import repeat
from multiprocessing import get_context

import pytest
import torch

from evaluation.runs.catalog import all_runs
from evaluation.runs.run import Conditions, Run
from evaluation.trial import known
from evaluation.truth.exact import BY_CONSTRUCTION
from evaluation.truth.fact import Fact
from evaluation.truth.rerun import cured, final_loss

RUNS = all_runs()


@pytest.fixture(scope="module")
def measured() -> dict[str, dict[str, Fact]]:
    """The facts about every run, by two processes."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        found = pool.map(known, RUNS, repeat(Conditions()))
        return {name: facts.facts for name, facts in zip(RUNS, found, strict=True)}


@pytest.mark.zoo
@pytest.mark.timeout(2400)  # the first of them waits for all runs to be trained
@pytest.mark.parametrize("run", [run for run in RUNS.values() if run.has], ids=lambda run: run.name)
def test_a_sick_run_measurably_has_what_its_label_says(
    run: Run, measured: dict[str, dict[str, Fact]]
) -> None:
    facts = measured[run.name]
    for symptom, glob in run.has.items():
        fact = facts[symptom]
        assert fact.answer == "yes", f"{symptom}: {fact.answer} ({fact.value:.3g})"
        assert fact.onset >= run.onset, (
            f"{symptom}: there since step {fact.onset}, before the fault"
        )
        if glob:
            assert fact.layers, symptom
            assert fnmatchcase(fact.layers[0], glob), f"{symptom}: measured {fact.layers}"


@pytest.mark.zoo
@pytest.mark.timeout(120)  # two trainings
@pytest.mark.parametrize(
    "run",
    [run for run in RUNS.values() if run.has.keys() & set(BY_CONSTRUCTION)],
    ids=lambda run: run.name,
)
def test_a_fault_that_is_there_by_construction_costs_something(run: Run) -> None:
    torch.set_num_threads(1)
    assert cured(run, Conditions()) <= 0.8 * final_loss(run, Conditions())


@pytest.mark.zoo
@pytest.mark.timeout(2400)  # the first of them waits for all runs to be trained
@pytest.mark.parametrize(
    "run", [run for run in RUNS.values() if run.healthy], ids=lambda run: run.name
)
def test_a_healthy_run_measurably_has_nothing(
    run: Run, measured: dict[str, dict[str, Fact]]
) -> None:
    facts = measured[run.name]
    has = {symptom: fact.value for symptom, fact in facts.items() if fact.answer == "yes"}
    assert not has


def test_every_symptom_is_shown_in_two_architectures_and_half_of_the_faults_begin_late() -> None:
    sick = [run for run in RUNS.values() if run.has]
    by_architecture = [run for run in sick if not run.by_cause]
    architectures: dict[str, set[str]] = {}
    for run in sick:
        for symptom in run.has:
            architectures.setdefault(symptom, set()).add(run.name.partition("_")[0])
    assert {symptom for symptom, seen in architectures.items() if len(seen) < 2} <= {
        # Both along time: recurrent nets alone have it, RNN, LSTM and a cell in a loop.
        "rnn_vanishing_in_time",
        "rnn_exploding_in_time",
    }
    assert sum(run.onset > 100 for run in by_architecture) * 2 >= len(by_architecture)
    kept_for_last = [run for run in RUNS.values() if run.held_out]
    by_cause = [run for run in RUNS.values() if run.by_cause]
    assert len(kept_for_last) * 12 >= len(by_cause)
    assert len(RUNS) >= 40
    assert len(RUNS) - len(sick) >= 18


def test_the_same_conditions_give_the_same_run() -> None:
    losses = []
    for _ in range(2):
        training = RUNS["mlp_plain"].start(Conditions(3, varied=True))
        for number in range(5):
            training.step(number)
        losses.append(training.seen_loss)
    assert losses[0] == losses[1]
