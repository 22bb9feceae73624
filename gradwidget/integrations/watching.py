"""What every callback does: watches a model from the moment that its framework trains it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from gradwidget.monitor import GradMonitor

if TYPE_CHECKING:
    from torch import nn

    from gradwidget.report.sending import Logger
    from gradwidget.widget import GradWidget


class Watching:
    """A monitor of the model in training; in a notebook a widget, shown in the running cell.

    A callback is one, and of its framework's class too.

    Args:
        stop_on_critical: whether training is to stop once a critical finding opens.
        send_to: a logger that gets statistics and findings as well, as by ``GradMonitor.send_to``.
        options: as for ``GradMonitor``.
    """

    def __init__(
        self, *, stop_on_critical: bool = False, send_to: Logger | None = None, **options: Any
    ) -> None:
        super().__init__()
        self.stop_on_critical = stop_on_critical
        self.send_to = send_to
        self.monitor: GradMonitor | None = None
        """Watches the model; None before training has begun. It can be read after the end."""
        self._options = options

    def begin(self, model: nn.Module, step: int | None = None) -> None:
        """Training begins.

        Args:
            model: what is trained.
            step: number of its first step; None for the one after the last that was seen, where the
                framework counts from 0 each time.
        """
        self.end()
        if step is None:
            last = None if self.monitor is None else self.monitor.history.last
            step = 0 if last is None else last.step + 1
        options = {"start_step": step, **self._options}
        widget = _shown(model, options)
        self.monitor = GradMonitor(model, **options) if widget is None else widget.monitor
        if self.send_to is not None:
            self.monitor.send_to(self.send_to)

    def scalars(self) -> dict[str, float]:
        """As ``GradMonitor.scalars`` gives them; empty before training has begun."""
        return {} if self.monitor is None else self.monitor.scalars()

    def should_stop(self) -> bool:
        """Whether training is to stop now."""
        return (
            self.stop_on_critical
            and self.monitor is not None
            and any(one.active and one.severity == "critical" for one in self.monitor.findings)
        )

    def end(self) -> None:
        """Training is over: nothing is watched any more, and what was recorded stays."""
        if self.monitor is not None:
            self.monitor.close()


def _shown(model: nn.Module, options: dict[str, Any]) -> GradWidget | None:
    """A widget in the cell that runs; None outside of a notebook."""
    interactive = sys.modules.get("IPython")
    shell = None if interactive is None else interactive.get_ipython()
    if not hasattr(shell, "kernel"):
        return None
    from IPython.display import display  # noqa: PLC0415  # only where it is there

    from gradwidget.widget import GradWidget  # noqa: PLC0415  # imports widget libraries

    widget = GradWidget(model, **options)
    display(widget)  # type: ignore[no-untyped-call]  # IPython's carries no types
    return widget
