"""Hands what is measured and found to a logger that somebody has already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gradwidget.diagnose.finding import Finding, Symptom
from gradwidget.record.history import History
from gradwidget.report.scalars import scalars
from gradwidget.wording import visible


class Logger(Protocol):
    """What takes statistics and findings; ``gradwidget.loggers`` has one for each common client.

    What it raises is contained: the third time it is not called any more, and ``problems`` says so.
    """

    def log_figures(self, figures: dict[str, float], step: int) -> None:
        """The statistics of a sampled step.

        Args:
            figures: as ``GradMonitor.scalars`` gives them.
            step: number of the step.
        """

    def log_finding(self, finding: Finding, step: int) -> None:
        """A finding that is no mere consequence has opened, or is over (``finding.active``).

        Args:
            finding: the finding.
            step: number of the step at which that was seen.
        """


class Sending:
    """Remembers what a logger has been told.

    Args:
        logger: gets everything from now on.
        layers: whether statistics of each layer are among those of a step.
    """

    def __init__(self, logger: Logger, *, layers: bool) -> None:
        self._logger = logger
        self._layers = layers
        self._told: list[Symptom] = []
        """Of the findings that it knows to be open."""

    def send(self, history: History, findings: Sequence[Finding]) -> None:
        """Tells of the newest frame: its statistics, and which findings have opened or are over.

        Args:
            history: with at least one frame.
            findings: as ``Engine.findings`` gives them.
        """
        frame = history.last
        if frame is None:
            return
        self._logger.log_figures(scalars(history, findings, layers=self._layers), frame.step)
        for finding in self._news(findings):
            self._logger.log_finding(finding, frame.step)

    def _news(self, findings: Sequence[Finding]) -> list[Finding]:
        active = {finding.symptom: finding for finding in findings if finding.active}
        # One that comes again has its earlier times among those that are over.
        gone = sorted((one for one in findings if not one.active), key=lambda one: one.last_step)
        over = {finding.symptom: finding for finding in gone}
        opened = [
            one
            for symptom, one in active.items()
            if one.because is None and symptom not in self._told
        ]
        closed = [over[symptom] for symptom in self._told if symptom not in active]
        self._told = [symptom for symptom in self._told if symptom in active]
        self._told += [finding.symptom for finding in opened]
        return [*closed, *opened]


def in_words(finding: Finding) -> str:
    """A finding in the one paragraph that a logger has room for: what it is, and what helps.

    Example:
        >>> in_words(Finding(Symptom.NO_STEP, "critical", "Nothing steps.", (), 3, 8, 9))
        'No optimizer steps since step 3. Nothing steps.'
    """
    if not finding.active:
        return f"{finding.title}: over since step {finding.last_step:,}."
    helps = f" What helps: {finding.remedies[0].title}." if finding.remedies else ""
    return visible(f"{finding.title} since step {finding.first_step:,}. {finding.message}{helps}")
