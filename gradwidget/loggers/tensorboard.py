"""Statistics and findings for TensorBoard."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Protocol

from gradwidget.report.sending import in_words

if TYPE_CHECKING:
    from gradwidget.diagnose.finding import Finding

MARKUP = re.compile(r"[\\`*_\[\]]")
"""What Markdown, as which TensorBoard reads text, would not show as it is."""


class SummaryWriter(Protocol):
    """As those of ``torch.utils.tensorboard`` and of ``tensorboardX`` are."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> object:
        """Writes a number."""

    def add_text(self, tag: str, text_string: str, global_step: int) -> object:
        """Writes text."""


class TensorBoardLogger:
    """Scalars by their names, and findings as text below ``gradwidget/findings``.

    Args:
        writer: a ``SummaryWriter``.

    Raises:
        TypeError: ``writer`` is none.

    Example::

        monitor.send_to(TensorBoardLogger(SummaryWriter()))
    """

    def __init__(self, writer: SummaryWriter) -> None:
        if not (hasattr(writer, "add_scalar") and hasattr(writer, "add_text")):
            message = f"writer must be a SummaryWriter, not {type(writer).__name__}"
            raise TypeError(message)
        self._writer = writer

    def log_figures(self, figures: dict[str, float], step: int) -> None:
        """Writes the statistics of a step."""
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)

    def log_finding(self, finding: Finding, step: int) -> None:
        """Writes what was found."""
        text = MARKUP.sub(r"\\\g<0>", escape(in_words(finding), quote=False))
        self._writer.add_text("gradwidget/findings", text, step)
