"""One run under gradwidget and under the earlier tools, beside what is true of it."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import torch

from evaluation.earlier_tools import TOOLS, Alarms
from evaluation.runs.catalog import all_runs
from evaluation.runs.run import Conditions
from evaluation.truth.fact import Fact
from evaluation.truth.labels import watch
from evaluation.truth.learning import learning
from gradwidget import GradMonitor

CACHE = Path(__file__).resolve().parent.parent / "build" / "evaluation"
LOADING = 0.01
"""Seconds that each batch takes to arrive.

The models are small so that they are quick to train, but the budget is a share of time: with steps
of 10 ms or more, as of a small real training, a run lasts a few seconds.
"""
SECOND_RUNS = ("lr_too_high", "lr_too_low", "plateau")


@dataclass(frozen=True)
class Report:
    """What gradwidget said: one finding, its steps counted in steps of the loop."""

    symptom: str
    layers: tuple[str, ...]
    first_step: int
    reported_step: int
    message: str


@dataclass(frozen=True)
class Known:
    """What is measured once for a run, whatever the rules are."""

    facts: dict[str, Fact]
    earlier: dict[str, Alarms]


@dataclass(frozen=True)
class Trial:
    """A run, what is true of it, and what the tools said."""

    run: str
    seed: int
    known: Known
    reports: tuple[Report, ...]
    problems: tuple[str, ...]
    """What went wrong inside gradwidget."""


def trial(
    name: str, conditions: Conditions, *, every_step: bool = False, loading: float = LOADING
) -> Trial:
    """Trains the run once under ``GradMonitor``, and measures what is true of it.

    Args:
        name: of the run.
        conditions: under which it is built.
        every_step: without a budget, to tell what the rules miss from what was never sampled.
        loading: seconds that each batch takes to arrive.
    """
    torch.set_num_threads(1)
    run = all_runs()[name]
    training = run.start(conditions)
    monitor = (
        GradMonitor(training.model, budget=None) if every_step else GradMonitor(training.model)
    )
    with monitor:
        for number in range(run.steps):
            if not every_step:
                time.sleep(loading)
            training.step(number)
        reports = tuple(
            Report(
                finding.symptom.value,
                finding.layers,
                finding.first_step // training.frames_per_step,
                finding.reported_step // training.frames_per_step,
                finding.message,
            )
            for finding in monitor.findings
        )
        problems = tuple(f"{problem.where}: {problem.message}" for problem in monitor.problems)
    second_runs = run.has.keys() | {report.symptom for report in reports}
    return Trial(
        name,
        conditions.seed,
        known(name, conditions, second=bool(second_runs & set(SECOND_RUNS))),
        reports,
        problems,
    )


def known(name: str, conditions: Conditions, *, second: bool = True) -> Known:
    """The facts about a run, and what the earlier tools make of it; kept on disk until they change.

    Args:
        name: of the run.
        conditions: under which it is built.
        second: also what takes second runs: learning rates and plateaus.
    """
    torch.set_num_threads(1)
    # What was measured with second runs serves without them as well.
    sizes = "varied" if conditions.varied else "usual"
    kept_at = {
        more: CACHE
        / _edition()
        / f"{name}-{conditions.seed}-{sizes}-{'both' if more else 'first'}.json"
        for more in (True, False)
    }
    for path in (kept_at[True], kept_at[second]):
        if path.exists():
            return _known_from(path.read_text(encoding="utf-8"))
    witness = watch(all_runs()[name], conditions)
    facts = {**witness.facts, **(learning(witness) if second else {})}
    found = Known(facts, {tool: rules(witness.moments) for tool, rules in TOOLS.items()})
    kept_at[second].parent.mkdir(parents=True, exist_ok=True)
    kept_at[second].write_text(json.dumps(asdict(found)), encoding="utf-8")
    return found


def _known_from(text: str) -> Known:
    kept = json.loads(text)
    facts = {
        symptom: Fact(**{**fact, "layers": tuple(fact["layers"])})
        for symptom, fact in kept["facts"].items()
    }
    return Known(facts, kept["earlier"])


@cache
def _edition() -> str:
    """Changes whenever anything does that could change a fact."""
    digest = hashlib.sha256(torch.__version__.encode())
    here = Path(__file__).parent
    for part in ("runs/**/*.py", "truth/*.py", "earlier_tools.py"):
        for source in sorted(here.glob(part)):
            digest.update(source.read_bytes())
    return digest.hexdigest()[:12]
