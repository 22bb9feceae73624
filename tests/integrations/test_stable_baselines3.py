"""The callback for Stable-Baselines3, with a real agent."""

from __future__ import annotations

import pytest

pytest.importorskip("stable_baselines3", reason="`make integrations` installs it")

import gymnasium
import numpy as np
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.logger import Logger

from gradwidget.diagnose.finding import Symptom
from gradwidget.integrations.stable_baselines3 import GradCallback

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


class Walk(gymnasium.Env):
    """A random walk that ends after some steps."""

    observation_space = gymnasium.spaces.Box(-10, 10, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201  # as the framework has it
        super().reset(seed=seed)
        self.at = np.zeros(2, np.float32)
        return self.at, {}

    def step(self, action):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201  # as above
        self.at = self.at + np.array([1, 2 * action - 1], np.float32)
        return self.at, float(self.at[1]), bool(self.at[0] > 8), False, {}


def test_every_update_of_an_agent_is_a_step() -> None:
    agent = PPO("MlpPolicy", Walk(), n_steps=16, batch_size=8, n_epochs=2, device="cpu", seed=0)
    kept: dict[str, object] = {}

    class Kept(Logger):
        def record(self, key: str, value: object, exclude: object = None) -> None:
            kept[key] = value
            super().record(key, value, exclude)

    agent.set_logger(Kept(None, []))
    callback = GradCallback(budget=None)
    agent.learn(64, callback=callback)
    monitor = callback.monitor
    assert monitor is not None
    assert monitor.closed
    assert monitor.problems == []
    # Four rollouts, twice through each, in two parts.
    assert monitor.history.steps.tolist() == list(range(16))
    assert kept["gradwidget/total_grad_norm"] == pytest.approx(
        monitor.history.scalars["total_grad_norm"][11], rel=1e-5
    )
    # The agent clips at 0.5.
    assert (monitor.history.scalars["total_grad_norm"] <= 0.5 + 1e-4).all()


def test_an_agent_with_a_target_network_is_watched() -> None:
    agent = DQN("MlpPolicy", Walk(), learning_starts=16, train_freq=4, device="cpu", seed=0)
    callback = GradCallback(budget=None)
    agent.learn(80, callback=callback)
    assert callback.monitor is not None
    assert len(callback.monitor.history.steps) == 16
    assert callback.monitor.problems == []
    # No optimizer holds the target network, and none should.
    assert Symptom.NOT_IN_OPTIMIZER not in [one.symptom for one in callback.monitor.findings]
