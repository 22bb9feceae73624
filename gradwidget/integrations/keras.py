"""A callback for Keras where torch is its backend."""

from __future__ import annotations

from typing import Any

from gradwidget.integrations.watching import Watching
from gradwidget.wording import not_installed

PACKAGE = "keras"

try:
    from keras.callbacks import Callback
except ImportError as error:
    raise ImportError(not_installed(PACKAGE)) from error


class GradCallback(Watching, Callback):
    """Watches a model that ``fit`` trains; its statistics are in the logs of each epoch.

    Arguments are those of ``Watching``.
    """

    _rate = 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Training begins, or goes on."""
        self.begin(self.model, int(self.model.optimizer.iterations))

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """A step begins: no optimizer of torch's tells its rate."""
        self._rate = float(self.model.optimizer.learning_rate)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """A step is over."""
        if self.monitor is not None:
            self.monitor.log(lr=self._rate)
        if self.should_stop():
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """An epoch is over: the callbacks after this one get our statistics as well."""
        if logs is not None:
            logs.update(self.scalars())

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Training is over."""
        self.end()
