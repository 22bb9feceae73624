"""What every callback does: watches a model from the moment that its framework trains it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from gradwidget.monitor import GradMonitor

if TYPE_CHECKING:
    from torch import nn

    from gradwidget.widget import GradWidget


class Watching:
    """A monitor of the model in training; in a notebook a widget, shown in the running cell.

    Args:
        stop_on_critical: whether training is to stop once a critical finding opens.
        options: as for ``GradMonitor``.
    """

    def __init__(self, *, stop_on_critical: bool, **options: Any) -> None:
        self.stop_on_critical = stop_on_critical
        self.monitor: GradMonitor | None = None
        """Watches the model; None before training has begun. It can be read after the end."""
        self._options = options

    def begin(self, model: nn.Module, step: int) -> None:
        """Training begins.

        Args:
            model: what is trained.
            step: number of its first step.
        """
        self.end()
        options = {"start_step": step, **self._options}
        widget = _shown(model, options)
        self.monitor = GradMonitor(model, **options) if widget is None else widget.monitor

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


def missing(package: str) -> ImportError:
    """What is raised where the framework of a callback is not installed."""
    return ImportError(
        f"this callback needs {package}, which is not installed: pip install {package}"
    )


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
