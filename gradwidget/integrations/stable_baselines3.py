"""A callback for Stable-Baselines3."""

from __future__ import annotations

from typing import Any

from gradwidget.integrations.watching import Watching, missing
from gradwidget.monitor import GradMonitor

PACKAGE = "stable-baselines3"

try:
    from stable_baselines3.common.callbacks import BaseCallback
except ImportError as error:
    raise missing(PACKAGE) from error


class GradCallback(BaseCallback):
    """Watches the policy of an agent, and logs with its logger after each rollout.

    Args:
        stop_on_critical: stops learning once a critical finding opens.
        options: as for ``GradMonitor``.
    """

    def __init__(self, *, stop_on_critical: bool = False, **options: Any) -> None:
        super().__init__()
        self._watching = Watching(stop_on_critical=stop_on_critical, **options)

    @property
    def monitor(self) -> GradMonitor | None:
        """The monitor; None before learning has begun."""
        return self._watching.monitor

    def _on_training_start(self) -> None:
        # An agent counts updates its own way, and only it knows how many steps each had.
        before = self.monitor
        last = None if before is None else before.history.last
        self._watching.begin(self.model.policy, 0 if last is None else last.step + 1)

    def _on_rollout_end(self) -> None:
        for name, value in self._watching.scalars().items():
            self.logger.record(name, value)

    def _on_step(self) -> bool:
        return not self._watching.should_stop()

    def _on_training_end(self) -> None:
        self._watching.end()
