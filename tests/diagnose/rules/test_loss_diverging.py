"""A loss that rises for good."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwidget.diagnose.finding import Symptom
from tests.support.frames import chain, found, healthy, judge

DEPTH = 4


def steady(step: int) -> float:
    del step
    return 1.0


def run(loss: Any, norm: Any = steady, outputs: Any = 30.0) -> set[Symptom]:
    def figures(step: int) -> dict[str, Any]:
        return healthy(
            DEPTH,
            act_rms=np.full(DEPTH, outputs),
            scalars={"loss": float(loss(step)), "total_grad_norm": float(norm(step))},
        )

    return found(judge(300, chain(DEPTH), figures)[0])


def test_a_loss_that_grows_a_little_in_every_step_diverges() -> None:
    growth = lambda step: 1.055**step  # noqa: E731 - one line of a formula
    assert Symptom.LOSS_DIVERGING in run(growth, growth)


def test_silent_on_a_loss_that_is_meant_to_rise_while_the_gradient_does_not() -> None:
    assert run(lambda step: 0.001 + 0.01 * step) == set()


def test_silent_on_a_loss_that_was_next_to_nothing_while_its_weight_grew() -> None:
    growth = lambda step: 1e-11 * 1.08**step  # noqa: E731 - one line of a formula
    assert Symptom.LOSS_DIVERGING not in run(growth, growth, outputs=0.5)


def test_silent_on_a_single_spike() -> None:
    noise = np.random.default_rng(0).random(300)
    spiky = lambda step: 2.0 * 0.99**step + noise[step] + 50.0 * (step == 150)  # noqa: E731 - as above
    assert Symptom.LOSS_DIVERGING not in run(spiky, lambda step: 1.0 + 100.0 * (step == 150))
