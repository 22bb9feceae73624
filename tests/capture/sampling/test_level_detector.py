from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gradwidget.capture.sampling.level_detector import Level, LevelDetector


def levels(detector: LevelDetector, values: list[float]) -> list[Level]:
    return [detector.level(value) for value in values]


def test_a_loss_that_jumps_is_noticed_at_once() -> None:
    detector = LevelDetector()
    assert set(levels(detector, [2.0 * 0.99**step for step in range(100)])) == {Level.USUAL}
    assert detector.level(20.0) is Level.JUMP


def test_a_loss_that_rises_out_of_its_noise_is_noticed_at_once() -> None:
    detector = LevelDetector()
    assert set(levels(detector, [1.0, 1.1] * 10)) == {Level.USUAL}
    assert detector.level(2.0) is Level.RISE


def test_no_rise_is_noticed_before_it_is_known_what_is_usual() -> None:
    assert set(levels(LevelDetector(), [1.0, 1.0, 1.0, 2.0])) == {Level.USUAL}


def test_a_jump_is_noticed_from_the_second_value_on() -> None:
    assert levels(LevelDetector(), [1.0, 1.1, 50.0]) == [Level.USUAL, Level.USUAL, Level.JUMP]


def test_the_first_value_that_is_not_finite_is_noticed() -> None:
    values = [1.0, math.inf, math.nan, 1.0, math.nan]
    assert [level is Level.JUMP for level in levels(LevelDetector(), values)] == [
        False,
        True,
        False,
        False,
        True,
    ]


def test_the_noise_of_a_loss_that_is_next_to_nothing_is_not_noticed() -> None:
    detector, noise = LevelDetector(), np.random.default_rng(0)
    falling = [0.7 * 0.97**step for step in range(200)]
    noisy = [10 ** noise.uniform(-5, -2) for _ in range(1000)]
    assert set(levels(detector, falling + noisy)) == {Level.USUAL}


def test_a_level_that_stays_is_the_usual_one_soon() -> None:
    found = levels(LevelDetector(), [1.0] * 20 + [100.0] * 20)
    assert len(found) - found.count(Level.USUAL) <= 3


@given(
    values=st.lists(st.floats(-1e3, 1e3, allow_subnormal=False), max_size=60),
    exponent=st.integers(-20, 20),
)
def test_the_unit_of_a_signal_does_not_matter(values: list[float], exponent: int) -> None:
    # A power of two changes no bit of a mantissa.
    scaled = [value * 2.0**exponent for value in values]
    assert levels(LevelDetector(), values) == levels(LevelDetector(), scaled)


@given(values=st.lists(st.floats(1.0, 1.15), max_size=60))
def test_what_varies_by_less_than_a_fifth_is_never_noticed(values: list[float]) -> None:
    assert set(levels(LevelDetector(), values)) <= {Level.USUAL}
