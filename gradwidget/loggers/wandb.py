"""Statistics and findings for Weights & Biases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradwidget.report.sending import in_words
from gradwidget.wording import not_installed

PACKAGE = "wandb"

try:
    import wandb
except ImportError as error:
    raise ImportError(not_installed(PACKAGE)) from error

if TYPE_CHECKING:
    from gradwidget.diagnose.finding import Finding

LEVELS = {"warning": "WARN", "critical": "ERROR"}


class WandbLogger:
    """Statistics on an axis of their own, ``gradwidget/step``, and findings as alerts.

    Each call of ``run.log`` counts as a step of the run, and would shift your own; so the
    statistics go along with the next call that you make. Where you make none, let them count.

    Args:
        run: what ``wandb.init`` gives; None for the run under way.
        commit: whether the statistics of a step are a step of the run.

    Raises:
        ValueError: there is no run under way.

    Example::

        monitor.send_to(WandbLogger())
    """

    def __init__(self, run: Any = None, *, commit: bool = False) -> None:
        self._run = wandb.run if run is None else run
        if self._run is None:
            message = "there is no run under way: call wandb.init() before"
            raise ValueError(message)
        self._commit = commit
        self._run.define_metric("gradwidget/*", step_metric="gradwidget/step")

    def log_figures(self, figures: dict[str, float], step: int) -> None:  # noqa: ARG002  # it is among the figures
        """Logs the statistics of a step."""
        self._run.log(figures, commit=self._commit)

    def log_finding(self, finding: Finding, step: int) -> None:
        """Alerts of what was found; what is over, at the lowest level."""
        level = LEVELS[finding.severity] if finding.active else "INFO"
        title, text = f"gradwidget: {finding.title}", f"Step {step:,}. {in_words(finding)}"
        self._run.alert(title=title, text=text, level=level)
