"""A callback for skorch."""

from __future__ import annotations

from typing import Any

from gradwidget.integrations.watching import Watching, missing
from gradwidget.monitor import GradMonitor

PACKAGE = "skorch"

try:
    from skorch.callbacks import Callback
except ImportError as error:
    raise missing(PACKAGE) from error


class GradCallback(Callback):
    """Watches the module of a net; its figures are in the batches of ``net.history``.

    Args:
        stop_on_critical: stops training once a critical finding opens.
        options: as for ``GradMonitor``.
    """

    def __init__(self, *, stop_on_critical: bool = False, **options: Any) -> None:
        self.stop_on_critical = stop_on_critical
        self.options = options
        self.watching = Watching(stop_on_critical=stop_on_critical, **options)

    @property
    def monitor(self) -> GradMonitor | None:
        """The monitor; None before training has begun."""
        return self.watching.monitor

    def on_train_begin(self, net: Any, **given: Any) -> None:
        """Training begins, or goes on."""
        batches = [batch for epoch in net.history for batch in epoch["batches"]]
        self.watching.begin(net.module_, sum("train_loss" in batch for batch in batches))

    def on_batch_end(self, net: Any, *, training: bool = False, **given: Any) -> None:
        """A batch is over."""
        if not training:
            return
        for name, value in self.watching.scalars().items():
            net.history.record_batch(name, value)
        if self.watching.should_stop():
            raise KeyboardInterrupt  # as skorch wants it

    def on_train_end(self, net: Any, **given: Any) -> None:
        """Training is over, or was stopped."""
        self.watching.end()
