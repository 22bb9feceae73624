"""What is said of one architecture, healthy or sick in one way, and the table of all."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

import torch

from evaluation.real import generative, language, reinforcement, vision
from evaluation.real.subject import WAYS
from gradwidget import GradMonitor

SUBJECTS = {
    subject.name: subject
    for part in (vision, language, generative, reinforcement)
    for subject in part.SUBJECTS
}
HEALTHY_STEPS = 500
SICK_STEPS = 250


@dataclass(frozen=True)
class Verdict:
    """One training and what was said of it."""

    name: str
    way: str
    """Empty where it is healthy."""
    said: tuple[str, ...]
    """Codes of the findings, the headline first."""
    layers: tuple[str, ...]
    """Those of the headline."""
    ended: float
    """Median of the last losses."""
    milliseconds: float
    """Of one step, watched."""
    problems: tuple[str, ...]

    @property
    def right(self) -> bool:
        """Silent where it is healthy, else led by a symptom that the way is to be named by."""
        if not self.way:
            return not self.said
        return bool(self.said) and self.said[0] in SUBJECTS[self.name].named[self.way]


def judge(name: str, way: str, seed: int) -> Verdict:
    """Trains it once under a monitor."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    loop = SUBJECTS[name].build(way)
    began = time.perf_counter()
    steps = SICK_STEPS if way else HEALTHY_STEPS
    with GradMonitor(loop.model) as monitor:
        losses = [loop.step(number) for number in range(steps)]
        findings = monitor.findings
        problems = tuple(f"{problem.where}: {problem.message}" for problem in monitor.problems)
    return Verdict(
        name,
        way,
        tuple(finding.symptom.value for finding in findings),
        findings[0].layers[:3] if findings else (),
        median(losses[-20:]),
        1000 * (time.perf_counter() - began) / steps,
        problems,
    )


def table(verdicts: Iterable[Verdict]) -> str:
    """A row for each architecture, then everything that was not right."""
    verdicts = list(verdicts)
    lines = [f"{'architecture':18}{'ms':>6}{'healthy':>9}" + "".join(f"{way:>8}" for way in WAYS)]
    for name in dict.fromkeys(verdict.name for verdict in verdicts):
        own = [verdict for verdict in verdicts if verdict.name == name]
        cells = [_share([v for v in own if v.way == way]) for way in WAYS]
        speed = median(verdict.milliseconds for verdict in own)
        silent = _share([verdict for verdict in own if not verdict.way])
        lines.append(f"{name:18}{speed:>6.0f}{silent:>9}" + "".join(f"{c:>8}" for c in cells))
    sick = [verdict for verdict in verdicts if verdict.way]
    healthy = [verdict for verdict in verdicts if not verdict.way]
    lines += ["", f"silent where healthy {_share(healthy)}, named where sick {_share(sick)}", ""]
    for verdict in verdicts:
        if not verdict.right or verdict.problems:
            said = ", ".join(verdict.said) or "nothing"
            where = f"{verdict.name}, {verdict.way or 'healthy'}"
            lines.append(f"{where}: said {said} (loss {verdict.ended:.3g})")
            lines += [f"  problem: {problem}" for problem in verdict.problems]
    return "\n".join(lines)


def _share(verdicts: list[Verdict]) -> str:
    return f"{sum(verdict.right for verdict in verdicts)}/{len(verdicts)}" if verdicts else ""
