"""A callback for Stable-Baselines3."""

from __future__ import annotations

from gradwidget.integrations.watching import Watching
from gradwidget.wording import not_installed

PACKAGE = "stable-baselines3"

try:
    from stable_baselines3.common.callbacks import BaseCallback
except ImportError as error:
    raise ImportError(not_installed(PACKAGE)) from error


class GradCallback(Watching, BaseCallback):
    """Watches the policy of an agent, and logs with its logger after each rollout.

    Arguments are those of ``Watching``.
    """

    def _on_training_start(self) -> None:
        # An agent counts updates its own way, and only it knows how many steps each had.
        self.begin(self.model.policy)

    def _on_rollout_end(self) -> None:
        for name, value in self.scalars().items():
            self.logger.record(name, value)

    def _on_step(self) -> bool:
        return not self.should_stop()

    def _on_training_end(self) -> None:
        self.end()
