"""A callback for skorch."""

from __future__ import annotations

from typing import Any

from gradwidget.integrations.watching import Watching
from gradwidget.wording import not_installed

PACKAGE = "skorch"

try:
    from skorch.callbacks import Callback
except ImportError as error:
    raise ImportError(not_installed(PACKAGE)) from error


class GradCallback(Watching, Callback):
    """Watches the module of a net; its statistics are in the batches of ``net.history``.

    Arguments are those of ``Watching``.
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: FBT001, FBT002  # as scikit-learn has it
        """What it was made with, by which scikit-learn copies it."""
        made = {"stop_on_critical": self.stop_on_critical, "send_to": self.send_to}
        return {**made, **self._options}

    def on_train_begin(self, net: Any, **given: Any) -> None:
        """Training begins, or goes on."""
        batches = [batch for epoch in net.history for batch in epoch["batches"]]
        self.begin(net.module_, sum("train_loss" in batch for batch in batches))

    def on_batch_end(self, net: Any, *, training: bool = False, **given: Any) -> None:
        """A batch is over."""
        if not training:
            return
        for name, value in self.scalars().items():
            net.history.record_batch(name, value)
        if self.should_stop():
            raise KeyboardInterrupt  # as skorch wants it

    def on_train_end(self, net: Any, **given: Any) -> None:
        """Training is over, or was stopped."""
        self.end()
