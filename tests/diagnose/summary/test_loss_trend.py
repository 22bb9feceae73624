"""Where the loss is going, in one word."""

from __future__ import annotations

import numpy as np
import pytest

from gradwidget.diagnose.summary.loss_trend import loss_trend
from gradwidget.frame import Frame, Layer
from gradwidget.record.history import History

LAYERS = (Layer("head", "Linear", {"weight": (2, 2)}),)


def history_of(losses: np.ndarray[tuple[int], np.dtype[np.float64]]) -> History:
    history = History()
    for step, loss in enumerate(losses):
        history.append(Frame(step, LAYERS, {}, {}, {"loss": float(loss)}))
    return history


@pytest.mark.parametrize(("slope", "word"), [(-1.0, "falling"), (0.0, "flat"), (1.0, "rising")])
def test_the_word_says_where_the_loss_goes(slope: float, word: str) -> None:
    noise = np.random.default_rng(0).normal(0, 0.05, 200)
    assert loss_trend(history_of(2.3 + slope * np.linspace(0, 1, 200) + noise)) == word


def test_one_odd_batch_is_no_trend() -> None:
    losses = np.full(200, 2.3) + np.random.default_rng(1).normal(0, 0.02, 200)
    losses[180] = 1e6
    assert loss_trend(history_of(losses)) == "flat"


def test_a_loss_that_falls_between_the_sampled_steps_is_falling() -> None:
    history = history_of(np.full(20, 2.3))
    noise = np.random.default_rng(2).normal(0, 0.05, 1000)
    losses = 2.3 - np.maximum(0, np.arange(1000) - 850) / 100 + noise
    history.losses.extend(np.arange(1000), losses)
    assert loss_trend(history) == "falling"


def test_a_slow_fall_is_seen_over_more_steps_than_a_fast_one() -> None:
    history = history_of(np.full(20, 2.3))
    noise = np.random.default_rng(3).normal(0, 0.05, 1000)
    losses = 2.3 - 1e-4 * np.arange(1000) + noise
    history.losses.extend(np.arange(1000), losses)
    assert loss_trend(history) == "falling"


def test_too_few_losses_say_nothing() -> None:
    assert loss_trend(history_of(np.ones(5))) is None
    assert loss_trend(history_of(np.full(100, np.nan))) is None
