"""What the trials add up to: recall, precision, false alarms, layers and delay, by symptom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from statistics import median

from evaluation.runs.run import RUNS
from evaluation.trial import Report, Trial
from evaluation.truth.fact import NO

GRADIENT = (
    "exploding_gradients",
    "vanishing_gradients",
    "gradients_nonfinite",
    "rnn_vanishing_in_time",
    "rnn_exploding_in_time",
)
"""Symptoms of the gradient itself, which are to be said at once; others take their time by
definition."""


@dataclass
class Score:
    """The counts of one symptom."""

    labeled: int = 0
    found: int = 0
    also: int = 0
    """Runs that measurably have it beside the fault they were made for."""
    also_found: int = 0
    right: int = 0
    """Findings that are true."""
    wrong: int = 0
    """Findings on runs that have it not."""
    layers_asked: int = 0
    layers_right: int = 0
    delays: list[int] = field(default_factory=list)
    """Steps from the onset to the report, negative where a decline was seen before it was past the
    bound."""

    @property
    def recall(self) -> float:
        return self.found / self.labeled if self.labeled else float("nan")

    @property
    def precision(self) -> float:
        said = self.right + self.wrong
        return self.right / said if said else float("nan")

    @property
    def delay(self) -> float:
        return median(self.delays) if self.delays else float("nan")

    def __iadd__(self, other: Score) -> Score:
        for name in (
            "labeled",
            "found",
            "also",
            "also_found",
            "right",
            "wrong",
            "layers_asked",
            "layers_right",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.delays += other.delays
        return self


@dataclass(frozen=True)
class Miss:
    """One thing that was not right."""

    kind: str
    run: str
    seed: int
    symptom: str
    detail: str


@dataclass
class Tally:
    """All trials together."""

    symptoms: dict[str, Score] = field(default_factory=dict)
    earlier: dict[str, dict[str, Score]] = field(default_factory=dict)
    """The earlier tools by name; they name no layers."""
    healthy_runs: int = 0
    healthy_with_alarm: dict[str, int] = field(default_factory=dict)
    """Healthy runs on which a tool said anything, by tool."""
    headlines: dict[str, Counter[str]] = field(default_factory=dict)
    """Of the runs whose cause the label names, by that cause: how often it was asked for, led, and
    was said at all."""
    misses: list[Miss] = field(default_factory=list)

    @property
    def all_symptoms(self) -> Score:
        total = Score()
        for score in self.symptoms.values():
            total += score
        return total

    @property
    def all_headlines(self) -> Counter[str]:
        return sum(self.headlines.values(), Counter())


OURS = "gradwidget"


def tally(trials: Iterable[Trial]) -> Tally:
    """Adds up the trials."""
    total = Tally()
    for trial in trials:
        has = RUNS[trial.run].has
        said: dict[str, Report] = {}
        for report in sorted(trial.reports, key=lambda report: report.reported_step):
            said.setdefault(report.symptom, report)
        _count(total.symptoms, trial, set(said))
        for symptom, report in said.items():
            _judge_report(total, trial, symptom, report)
        for symptom in has.keys() - said.keys():
            fact = trial.known.facts.get(symptom, NO)
            # Under another seed or with other sizes a run may turn out without what it was made
            # for.
            kind = "missed" if fact.answer == "yes" else "no label"
            total.misses.append(
                Miss(
                    kind,
                    trial.run,
                    trial.seed,
                    symptom,
                    f"{fact.value:.3g} since step {fact.onset}",
                )
            )
        alarms = {
            OURS: set(said),
            **{tool: set(found) for tool, found in trial.known.earlier.items()},
        }
        for tool, found in trial.known.earlier.items():
            _count(total.earlier.setdefault(tool, {}), trial, set(found))
        total.healthy_runs += not has
        for tool, symptoms in alarms.items():
            total.healthy_with_alarm[tool] = total.healthy_with_alarm.get(tool, 0) + bool(
                symptoms and not has
            )
        _judge_headline(total, trial)
        total.misses += [
            Miss("problem", trial.run, trial.seed, "", problem) for problem in trial.problems
        ]
    return total


def _count(scores: dict[str, Score], trial: Trial, said: set[str]) -> None:
    """Recall and precision of one tool on one trial."""
    has = RUNS[trial.run].has
    for symptom in said | has.keys() | trial.known.facts.keys():
        score = scores.setdefault(symptom, Score())
        answer = trial.known.facts.get(symptom, NO).answer
        labeled, found = symptom in has and answer == "yes", symptom in said
        score.labeled += labeled
        score.found += labeled and found
        score.also += answer == "yes" and not labeled
        score.also_found += answer == "yes" and not labeled and found
        score.right += found and answer == "yes"
        # On a healthy run silence is the only right answer, between the bounds as well.
        score.wrong += found and (answer == "no" or (not has and answer == "either"))


def _judge_headline(total: Tally, trial: Trial) -> None:
    """Whether the first finding is the cause that the label names."""
    causes = RUNS[trial.run].causes
    if not causes:
        return
    said = [report.symptom for report in trial.reports]
    found = total.headlines.setdefault(causes[0], Counter())
    found["asked"] += 1
    found["led"] += bool(said) and said[0] in causes
    found["said"] += bool(set(said) & set(causes))
    if said and said[0] not in causes:
        detail = f"led by {said[0]}"
        total.misses.append(Miss("headline", trial.run, trial.seed, causes[0], detail))


def _judge_report(total: Tally, trial: Trial, symptom: str, report: Report) -> None:
    """Layers and delay of a finding that is true; a note of one that is not."""
    run, score = RUNS[trial.run], total.symptoms[symptom]
    fact = trial.known.facts.get(symptom, NO)
    if fact.answer != "yes":
        if not run.has or fact.answer == "no":
            kind = "false alarm" if not run.has else "wrong symptom"
            where = f"step {report.reported_step} (measured {fact.value:.3g}): {report.message}"
            total.misses.append(Miss(kind, trial.run, trial.seed, symptom, where))
        return
    if symptom not in run.has:
        return
    score.delays.append(report.reported_step - fact.onset)
    if run.has[symptom] and fact.layers:
        score.layers_asked += 1
        if right_layers(report.layers, fact.layers, run.has[symptom]):
            score.layers_right += 1
        else:
            named, true = ", ".join(report.layers[:4]) or "none", ", ".join(fact.layers[:4])
            total.misses.append(
                Miss("layers", trial.run, trial.seed, symptom, f"said {named}; measured {true}")
            )


def right_layers(named: tuple[str, ...], true: tuple[str, ...], glob: str) -> bool:
    """Whether the first layer named has it, and most of the others that are named."""
    if not named:
        return False
    fitting = [name in true and fnmatchcase(name, glob) for name in named]
    return fitting[0] and sum(fitting) * 2 >= len(named)
