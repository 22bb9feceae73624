"""A sick run, what it was told, and what came of it."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import torch

from evaluation.cures.attempt import Attempt, attempt
from evaluation.runs.catalog import all_runs
from evaluation.runs.run import Conditions, Run
from evaluation.trial import LOADING
from evaluation.truth import rerun
from evaluation.truth.learning import CONVERGED
from gradwidget import GradMonitor
from gradwidget.diagnose.finding import Finding

TRIED = 3
"""How many remedies of the first finding are carried out."""
CLEARLY = 0.75
"""Share of the sick run's end at which the run without its fault has to end, to be its cure."""


@dataclass(frozen=True)
class Bounds:
    """Ends of a run: with its fault, without it, and what counts as cured between them."""

    sick: float
    fixed: float
    floor: float

    @classmethod
    def of(cls, run: Run, conditions: Conditions) -> Bounds:
        healthy = replace(conditions, sick=False)
        untrained = abs(rerun.probe(run.start(healthy)))
        sick = rerun.final_loss(run, conditions)
        # A run that ended in NaN is no better than one that has not begun.
        return cls(
            sick if math.isfinite(sick) else untrained,
            rerun.final_loss(run, healthy),
            CONVERGED * untrained,
        )

    @property
    def known(self) -> bool:
        """Whether the run without the fault ends clearly better."""
        return self._level(self.fixed) <= CLEARLY * self._level(self.sick)

    def cured(self, end: float) -> bool:
        """Whether that end is at least half of the way to the run's without the fault, in log."""
        if not math.isfinite(end):
            return False
        half = (math.log(self._level(self.sick)) + math.log(self._level(self.fixed))) / 2
        return math.log(self._level(end)) <= half

    def _level(self, loss: float) -> float:
        """Below a fiftieth of the start nothing is left to gain."""
        return max(loss, self.floor)


@dataclass(frozen=True)
class Treatment:
    """A sick run, its first finding, and its first remedies one by one."""

    run: str
    seed: int
    headline: str
    """Code of the first finding, empty where nothing was said."""
    named: bool
    """Whether it is the cause and its first layer one of those concerned."""
    known_cure: bool
    attempts: tuple[Attempt, ...] = ()
    cured: tuple[bool, ...] = ()
    """By remedy, in order."""


def treat(name: str, conditions: Conditions, loading: float = LOADING) -> Treatment:
    """Watches the run once, then tries what the first finding advises."""
    torch.set_num_threads(1)
    run = all_runs()[name]
    first = _first_finding(run, conditions, loading)
    headline = first.symptom.value if first is not None else ""
    named = first is not None and _names_the_cause(run, first)
    if run.cure == "person":
        return Treatment(name, conditions.seed, headline, named, known_cure=False)
    bounds = Bounds.of(run, conditions)
    attempts, cured = [], []
    for remedy in (first.remedies if first is not None and bounds.known else ())[:TRIED]:
        # From the start; a fault that comes late may also be met when it has come.
        latest = attempt(run, conditions, remedy, 0)
        if run.onset and not latest.error and not bounds.cured(latest.end):
            latest = attempt(run, conditions, remedy, run.onset + 1)
        attempts.append(latest)
        cured.append(bounds.cured(latest.end))
    return Treatment(
        name,
        conditions.seed,
        headline,
        named,
        known_cure=bounds.known,
        attempts=tuple(attempts),
        cured=tuple(cured),
    )


def _first_finding(run: Run, conditions: Conditions, loading: float) -> Finding | None:
    training = run.start(conditions)
    with GradMonitor(training.model) as monitor:
        for number in range(run.steps):
            time.sleep(loading)
            training.step(number)
        return monitor.findings[0] if monitor.findings else None


def _names_the_cause(run: Run, finding: Finding) -> bool:
    glob = run.has.get(finding.symptom.value, "")
    fits = not glob or any(fnmatchcase(layer, glob) for layer in finding.layers[:1])
    return finding.symptom.value in run.causes and fits
