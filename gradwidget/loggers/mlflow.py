"""Statistics and findings for MLflow."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gradwidget.report.sending import in_words
from gradwidget.wording import not_installed

PACKAGE = "mlflow"

try:
    import mlflow
except ImportError as error:
    raise ImportError(not_installed(PACKAGE)) from error

if TYPE_CHECKING:
    from gradwidget.diagnose.finding import Finding

FORBIDDEN = re.compile(r"[^\w\-. :/]")
"""What no name of a metric may have there."""


class MLflowLogger:
    """Statistics as metrics by step, and the last word of each finding as a tag of the run.

    Args:
        run_id: of the run; None for the one under way.

    Raises:
        ValueError: there is no run under way.

    Example::

        with mlflow.start_run():
            monitor.send_to(MLflowLogger())
    """

    def __init__(self, run_id: str | None = None) -> None:
        active = mlflow.active_run()
        if run_id is None and active is None:
            message = (
                "there is no run under way: call mlflow.start_run() before, or give its run_id"
            )
            raise ValueError(message)
        # What comes once the run is over must not start another one.
        self._run_id = active.info.run_id if run_id is None else run_id
        self._client = mlflow.MlflowClient()

    def log_figures(self, figures: dict[str, float], step: int) -> None:
        """Logs the statistics of a step."""
        allowed = {FORBIDDEN.sub("_", name): value for name, value in figures.items()}
        mlflow.log_metrics(allowed, step=step, run_id=self._run_id)

    def log_finding(self, finding: Finding, step: int) -> None:
        """Notes what was found."""
        key = f"gradwidget.{finding.symptom.value}"
        self._client.set_tag(self._run_id, key, f"Step {step:,}. {in_words(finding)}")
