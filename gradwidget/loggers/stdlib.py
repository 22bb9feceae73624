"""Statistics and findings for Python's own ``logging``."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from gradwidget.report.sending import in_words

if TYPE_CHECKING:
    from gradwidget.diagnose.finding import Finding

LEVELS = {"warning": logging.WARNING, "critical": logging.CRITICAL}


class StdlibLogger:
    """Findings at the level of their severity, one that is over at INFO, statistics at DEBUG.

    Statistics are also the attribute ``gradwidget`` of the record, for formatters that write JSON.

    Args:
        logger: where to, or its name.

    Example::

        monitor.send_to(StdlibLogger("train"))
    """

    def __init__(self, logger: logging.Logger | str = "gradwidget") -> None:
        self._logger = logging.getLogger(logger) if isinstance(logger, str) else logger

    def log_figures(self, figures: dict[str, float], step: int) -> None:
        """Logs the statistics of a step."""
        if self._logger.isEnabledFor(logging.DEBUG):
            text = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
            self._logger.debug("step %d: %s", step, text, extra={"gradwidget": figures})

    def log_finding(self, finding: Finding, step: int) -> None:
        """Logs what was found."""
        level = LEVELS[finding.severity] if finding.active else logging.INFO
        self._logger.log(level, "step %d: %s", step, in_words(finding))
