"""A callback for the Trainer of Hugging Face's transformers, and of trl."""

from __future__ import annotations

from typing import Any

from gradwidget.integrations.watching import Watching
from gradwidget.wording import not_installed

PACKAGE = "transformers"

try:
    from transformers import Trainer, TrainerCallback
except ImportError as error:
    raise ImportError(not_installed(PACKAGE)) from error


class GradCallback(Watching, TrainerCallback):
    """Watches the model of a trainer.

    Arguments are those of ``Watching``.

    Example::

        callback = watch(trainer)
        trainer.train()
        print(callback.monitor.report())
    """

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Training begins, or goes on from a checkpoint."""
        self.begin(given["model"], state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """A step is over."""
        if self.should_stop():
            control.should_training_stop = True

    def on_log(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """The trainer logs: the callbacks after this one get our statistics as well."""
        logs = given.get("logs")
        if logs is not None and "loss" in logs:
            found = self.scalars()
            logs.update(found)
            if state.log_history:
                state.log_history[-1].update(found)

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Training is over."""
        self.end()


def watch(trainer: Trainer, **options: Any) -> GradCallback:
    """Adds a callback to a trainer, before those that hand its logs on.

    Args:
        trainer: the trainer.
        options: as for ``Watching``.
    """
    callback = GradCallback(**options)
    trainer.callback_handler.callbacks.insert(0, callback)
    return callback
