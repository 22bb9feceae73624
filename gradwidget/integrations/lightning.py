"""A callback for Lightning."""

from __future__ import annotations

from typing import Any

from gradwidget.integrations.watching import Watching
from gradwidget.wording import not_installed

PACKAGE = "lightning"

try:
    from lightning.pytorch import Callback
except ImportError:
    try:
        from pytorch_lightning import Callback
    except ImportError as error:
        raise ImportError(not_installed(PACKAGE)) from error


class GradCallback(Watching, Callback):
    """Watches the module that a trainer fits, and logs with its logger.

    Arguments are those of ``Watching``.

    Example::

        callback = GradCallback()
        Trainer(callbacks=[callback]).fit(module, loader)
        print(callback.monitor.report())
    """

    _logged = -1

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Training begins, or goes on from a checkpoint."""
        self.begin(pl_module, trainer.global_step)

    def on_train_batch_end(self, trainer: Any, *given: Any) -> None:
        """A batch is over, and with it perhaps a step."""
        step = trainer.global_step
        is_due = step != self._logged and step % max(1, trainer.log_every_n_steps) == 0
        if is_due and trainer.logger is not None:
            self._logged = step
            for logger in trainer.loggers:
                logger.log_metrics(self.scalars(), step=step)
        if self.should_stop():
            trainer.should_stop = True

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Training is over."""
        self.end()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Training has failed, or was interrupted."""
        self.end()
