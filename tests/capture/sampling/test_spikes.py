from __future__ import annotations

import math

import numpy as np
import pytest

from gradwidget.capture.sampling.spikes import JumpDetector, RiseDetector


@pytest.mark.parametrize("make", [JumpDetector, RiseDetector])
def test_a_loss_that_jumps_is_noticed_at_once(make: type[JumpDetector | RiseDetector]) -> None:
    wire = make()
    assert not any(wire.trips(2.0 * 0.99**step) for step in range(100))
    assert wire.trips(20.0)


def test_the_first_value_that_is_not_finite_is_noticed() -> None:
    tripwire = JumpDetector()
    assert [tripwire.trips(value) for value in (1.0, math.inf, math.nan, 1.0, math.nan)] == [
        False,
        True,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("make", [JumpDetector, RiseDetector])
def test_the_noise_of_a_loss_that_is_next_to_nothing_is_not_noticed(
    make: type[JumpDetector | RiseDetector],
) -> None:
    wire, noise = make(), np.random.default_rng(0)
    assert not any(wire.trips(0.7 * 0.97**step) for step in range(200))
    assert not any(wire.trips(10 ** noise.uniform(-5, -2)) for _ in range(1000))


def test_a_level_that_stays_is_the_usual_one_soon() -> None:
    tripwire = JumpDetector()
    assert sum(tripwire.trips(value) for value in [1.0] * 20 + [100.0] * 20) <= 3
