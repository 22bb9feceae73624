"""A callback for Lightning."""

from __future__ import annotations

from typing import Any

from gradwidget.integrations.watching import Watching, missing
from gradwidget.monitor import GradMonitor

PACKAGE = "lightning"

try:
    from lightning.pytorch import Callback
except ImportError:
    try:
        from pytorch_lightning import Callback
    except ImportError as error:
        raise missing(PACKAGE) from error


class GradCallback(Callback):
    """Watches the module that a trainer fits, and logs with its logger.

    Args:
        stop_on_critical: stops training once a critical finding opens.
        options: as for ``GradMonitor``.

    Example::

        callback = GradCallback()
        Trainer(callbacks=[callback]).fit(module, loader)
        print(callback.monitor.report())
    """

    def __init__(self, *, stop_on_critical: bool = False, **options: Any) -> None:
        self._watching = Watching(stop_on_critical=stop_on_critical, **options)
        self._logged = -1

    @property
    def monitor(self) -> GradMonitor | None:
        """The monitor; None before training has begun."""
        return self._watching.monitor

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Training begins, or goes on from a checkpoint."""
        self._watching.begin(pl_module, trainer.global_step)

    def on_train_batch_end(self, trainer: Any, *given: Any) -> None:
        """A batch is over, and with it perhaps a step."""
        step = trainer.global_step
        is_due = step != self._logged and step % max(1, trainer.log_every_n_steps) == 0
        if is_due and trainer.logger is not None:
            self._logged = step
            for logger in trainer.loggers:
                logger.log_metrics(self._watching.scalars(), step=step)
        if self._watching.should_stop():
            trainer.should_stop = True

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Training is over."""
        self._watching.end()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Training has failed, or was interrupted."""
        self._watching.end()
