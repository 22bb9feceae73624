"""Statistics and findings for trackio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradwidget.report.sending import in_words
from gradwidget.wording import not_installed

PACKAGE = "trackio"

try:
    import trackio
except ImportError as error:
    raise ImportError(not_installed(PACKAGE)) from error

if TYPE_CHECKING:
    from gradwidget.diagnose.finding import Finding

LEVELS = {"warning": trackio.AlertLevel.WARN, "critical": trackio.AlertLevel.ERROR}


class TrackioLogger:
    """Statistics at their steps, and findings as alerts.

    Args:
        run: what ``trackio.init`` gives.

    Example::

        monitor.send_to(TrackioLogger(trackio.init("project")))
    """

    def __init__(self, run: Any) -> None:
        self._run = run

    def log_figures(self, figures: dict[str, float], step: int) -> None:
        """Logs the statistics of a step."""
        self._run.log(figures, step=step)

    def log_finding(self, finding: Finding, step: int) -> None:
        """Alerts of what was found; what is over, at the lowest level."""
        level = LEVELS[finding.severity] if finding.active else trackio.AlertLevel.INFO
        title = f"gradwidget: {finding.title}"
        self._run.alert(title=title, text=in_words(finding), level=level, step=step)
