"""The newest frames as the rules read them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gradwidget.diagnose.evidence.window import Window, holding_since, median, middle
from gradwidget.frame import LOSS, ROOT, Obstacle, Wiring
from gradwidget.record.history import History
from tests.support.frames import chain, frame, healthy, judge, moving


def in_turn(step: int) -> dict[str, Any]:
    """Every second step measures the first layer, the others the second."""
    measured = np.array([step % 2 == 0, step % 2 == 1, False])
    values = np.where(measured, float(step), np.nan)
    return healthy(3, grad_rms=values, measured={"grad_rms": measured})


def test_a_window_needs_a_frame() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        Window(History())


def test_latest_values_are_those_of_each_layer_by_itself() -> None:
    window = Window(judge(20, chain(3), in_turn)[1])
    latest = window.latest("grad_rms", 3)
    np.testing.assert_equal(latest[:, 0], [18, 16, 14])
    np.testing.assert_equal(latest[:, 1], [19, 17, 15])
    assert np.isnan(latest[:, 2]).all()


def test_a_median_needs_more_than_half_of_the_window() -> None:
    def median_after(steps: int) -> float:
        history = judge(steps, chain(2), healthy(2, grad_rms=np.full(2, 0.5)))[1]
        return float(Window(history).median("grad_rms")[0])

    assert np.isnan(median_after(4))
    assert median_after(5) == 0.5


def test_what_lasts_is_not_known_before_that_many_steps() -> None:
    def lasting_after(steps: int) -> float:
        history = judge(steps, chain(2), healthy(2, act_dead_fraction=np.ones(2)))[1]
        return float(Window(history).lasting("act_dead_fraction")[0])

    assert np.isnan(lasting_after(19))
    assert lasting_after(20) == 1.0


def test_weights_that_start_at_zero_have_a_scale() -> None:
    start = np.array([0.0, 40.0])
    window = Window(judge(10, chain(2, width=16), healthy(2, matrix_norm=start))[1])
    # Sixteen rows: a norm of four preserves variance.
    assert window.weight_scale.tolist() == [4.0, 40.0]


def test_the_loss_that_is_left_is_a_share_of_the_start() -> None:
    history = judge(
        30, chain(2), lambda step: healthy(2, scalars={"loss": 2.0 if step < 10 else 0.5})
    )[1]
    window = Window(history)
    assert (window.start_loss, window.loss, window.loss_left) == (2.0, 0.5, 0.25)
    assert window.has_learned


def sampled(losses: np.ndarray[tuple[int], np.dtype[np.float64]], every: int) -> Window:
    """A run whose every loss is known, and of which few steps are sampled after the first ten."""
    history, begin = History(), 0
    for step in [*range(10), *range(10, len(losses), every)]:
        values = healthy(2, scalars={"loss": float(losses[step])})
        history.append(frame(step, chain(2), values))
        history.losses.extend(np.arange(begin, step + 1), losses[begin : step + 1])
        begin = step + 1
    return Window(history)


def noisy(level: np.ndarray[Any, Any], seed: int) -> np.ndarray[Any, Any]:
    """The loss with 15 % noise from batch to batch."""
    return level * np.exp(0.15 * np.random.default_rng(seed).standard_normal(len(level)))


@pytest.mark.parametrize(("steps", "every"), [(150, 1), (300, 7)])
def test_the_noise_of_batches_is_not_learning(steps: int, every: int) -> None:
    windows = [sampled(noisy(np.ones(steps), seed), every) for seed in range(40)]
    assert sum(window.has_learned for window in windows) <= 2
    assert sum(window.level_left > window.limits.plateau_share for window in windows) >= 38


@pytest.mark.parametrize(("steps", "every"), [(150, 1), (300, 7)])
def test_a_loss_that_halves_is_learning_whatever_its_noise(steps: int, every: int) -> None:
    falls = 0.5 + 0.5 * np.exp(-8 * np.arange(steps) / steps)
    assert all(sampled(noisy(falls, seed), every).has_learned for seed in range(20))


def test_a_run_that_learned_for_a_few_steps_has_learned_however_long_ago() -> None:
    losses = np.where((np.arange(3000) > 30) & (np.arange(3000) < 60), 1.0, 2.0)
    assert sampled(losses, 50).has_learned


def test_the_start_of_a_loss_that_falls_at_once_is_that_of_its_first_steps() -> None:
    losses = np.maximum(2.0 - 0.02 * np.arange(100), 0.5)
    assert sampled(losses, 5).start_loss == pytest.approx(1.96)


def test_a_frozen_layer_that_the_graph_does_not_show_gives_no_classes() -> None:
    layers = (
        replace(chain(1)[0], name="base", shapes={"weight": (64, 8)}, trainable=False),
        replace(chain(1)[0], name="head", shapes={"weight": (10, 64)}),
    )
    wiring = Wiring(feeds={"head": (LOSS,)}, loss_path=("nll_loss", "log_softmax"))
    window = Window(judge(30, layers, {**healthy(2, scalars={"loss": 5.0}), "wiring": wiring})[1])
    assert window.first_level == pytest.approx(np.log(10))


def test_parameters_beside_the_last_layer_are_no_classes() -> None:
    layers = (
        replace(chain(1)[0], name=ROOT, shapes={"places": (16, 64)}),
        replace(chain(1)[0], name="head", shapes={"weight": (10, 64)}),
    )
    wiring = Wiring(feeds={"head": (ROOT,), ROOT: (LOSS,)}, loss_path=("nll_loss", "log_softmax"))
    window = Window(judge(30, layers, {**healthy(2, scalars={"loss": 5.0}), "wiring": wiring})[1])
    assert window.constant_loss == pytest.approx(np.log(10))


@pytest.mark.parametrize(
    ("added", "scalars", "times"),
    [
        ({}, {"passes": 4.0}, 1),  # whose losses are divided
        ({"added up": ("nll_loss", "1", "1")}, {"passes": 4.0}, 4),
        ({"added up": ("nll_loss", "32", "32")}, {}, 32),
        ({"added up": ("nll_loss", "32", "32")}, {"passes": 4.0}, 128),
    ],
)
def test_the_loss_of_a_constant_answer_is_added_up_as_the_loss_is(
    added: dict[Obstacle, tuple[str, ...]], scalars: dict[str, float], times: int
) -> None:
    path = ("nll_loss", "log_softmax")
    figures = {**moving(3, 1e-3, 2.0, **scalars), "wiring": Wiring({}, path, obstacles=added)}
    window = Window(judge(9, chain(3), figures)[1])
    assert window.constant_loss == pytest.approx(times * np.log(16))


def test_the_classes_of_a_contrastive_loss_are_no_units_of_a_layer() -> None:
    small: dict[Obstacle, tuple[str, ...]] = {"small logits": ("0.07", "64")}
    wiring = Wiring({}, ("nll_loss", "log_softmax"), obstacles=small)
    window = Window(judge(9, chain(3), {**moving(3, 1e-3), "wiring": wiring})[1])
    assert window.constant_loss == pytest.approx(np.log(64))


@pytest.mark.parametrize("seed", range(20))
def test_the_median_is_numpys_where_the_number_of_values_is_odd(seed: int) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=(9, 6))
    values[random.random(values.shape) < 0.3] = np.nan
    count = np.sum(~np.isnan(values), axis=0)
    odd = (count % 2 == 1) & (count >= 5)
    result = median(values, least=5)
    np.testing.assert_equal(result[odd], np.nanmedian(values[:, odd], axis=0))
    assert np.isnan(result[count < 5]).all()
    assert not np.isnan(result[count >= 5]).any()


def test_evidence_holds_since_the_step_before_which_two_values_dissent() -> None:
    steps = [9, 8, 7, 6, 5, 4]
    assert holding_since(steps, np.array([True, True, False, True, False, False])) == 6
    assert holding_since(steps, np.array([True, False, False, True, True, True])) == 9


def test_the_middle_ignores_what_is_not_finite() -> None:
    assert middle(np.array([np.nan, 1.0, 5.0, np.inf, 3.0])) == 3.0
    assert np.isnan(middle(np.array([np.nan])))


def test_a_player_with_one_turn_in_four_begins_with_its_own_first_values() -> None:
    def figures(step: int) -> dict[str, Any]:
        mine = np.array([step % 4 == 3, step % 4 != 3])
        values = np.where(mine, np.array([7.0, 1.0]) * (1 if step < 12 else 1e-6), np.nan)
        return healthy(2, grad_norm=values, measured={"grad_norm": mine})

    assert Window(judge(40, chain(2), figures)[1]).start("grad_norm").tolist() == [7.0, 1.0]


def test_a_loss_that_is_low_by_the_noise_of_its_batches_alone_shows_no_learning() -> None:
    def learned(noise: float, lower: float) -> bool:
        def figures(step: int) -> dict[str, Any]:
            by_batch = noise * (-1) ** step
            return moving(3, 1e-3, loss=1 + by_batch - (lower if 40 <= step < 60 else 0.0))

        return Window(judge(120, chain(3), figures)[1]).has_learned

    # 0.3 below the start is more than a fifth of it: learning, unless batches differ by as much.
    assert not learned(0.1, 0.3)
    assert learned(0.1, 0.8)
    assert learned(0.01, 0.3)
