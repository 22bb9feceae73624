"""A callback for the Trainer of Hugging Face's transformers, and of trl."""

from __future__ import annotations

from typing import Any

from gradwidget.integrations.watching import Watching, missing
from gradwidget.monitor import GradMonitor

PACKAGE = "transformers"

try:
    from transformers import Trainer, TrainerCallback
except ImportError as error:
    raise missing(PACKAGE) from error


class GradCallback(TrainerCallback):
    """Watches the model of a trainer.

    Args:
        stop_on_critical: stops training once a critical finding opens.
        options: as for ``GradMonitor``.

    Example::

        callback = watch(trainer)
        trainer.train()
        print(callback.monitor.report())
    """

    def __init__(self, *, stop_on_critical: bool = False, **options: Any) -> None:
        self._watching = Watching(stop_on_critical=stop_on_critical, **options)

    @property
    def monitor(self) -> GradMonitor | None:
        """The monitor; None before training has begun."""
        return self._watching.monitor

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Training begins, or goes on from a checkpoint."""
        self._watching.begin(given["model"], state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """A step is over."""
        if self._watching.should_stop():
            control.should_training_stop = True

    def on_log(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """The trainer logs: the callbacks after this one get our figures as well."""
        logs = given.get("logs")
        if logs is not None and "loss" in logs:
            found = self._watching.scalars()
            logs.update(found)
            if state.log_history:
                state.log_history[-1].update(found)

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Training is over."""
        self._watching.end()


def watch(trainer: Trainer, *, stop_on_critical: bool = False, **options: Any) -> GradCallback:
    """Adds a callback to a trainer, before those that hand its logs on.

    Arguments are those of ``GradCallback``, and the trainer.
    """
    callback = GradCallback(stop_on_critical=stop_on_critical, **options)
    trainer.callback_handler.callbacks.insert(0, callback)
    return callback
