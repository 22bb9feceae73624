"""A loss that rises for good."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradwidget.diagnose.finding import Symptom
from gradwidget.frame import LOSS, Wiring
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


def critic(
    growth: float, targets: float | None, outputs: float, error: float | None = None
) -> set[Symptom]:
    """A run whose loss grows by a factor until its end, and its targets and outputs likewise.

    Args:
        growth: that of the loss.
        targets: that of targets of 20; None where they are not known.
        outputs: what there is in the end.
        error: how far the outputs are from targets that are not known, in the end.
    """
    names = [layer.name for layer in chain(DEPTH)]
    feeds = {name: (after,) for name, after in zip(names, [*names[1:], LOSS], strict=True)}
    wiring = Wiring(feeds=feeds, loss_path=("mean", "pow", "sub"))

    def figures(step: int) -> dict[str, Any]:
        done = step / 300
        loss = 2.0 * growth**done
        known = {} if targets is None else {"target_min": 1.0, "target_max": 20 * targets**done}
        # Of 4 outputs: the error is 2 L / (|g| √4), so |g| is L over the error.
        norm = loss / ((error or 1.0) * (step + 1) / 300)
        sizes = {"act_grad_norm": np.full(DEPTH, norm), "act_grad_rms": np.full(DEPTH, norm / 2)}
        return healthy(
            DEPTH,
            act_rms=np.full(DEPTH, outputs * (step + 1) / 300),
            scalars={"loss": loss, "total_grad_norm": loss, **known},
            wiring=wiring,
            **(sizes if error else {}),
        )

    return found(judge(300, chain(DEPTH), figures)[0])


def test_silent_on_a_critic_whose_returns_rise() -> None:
    assert Symptom.LOSS_DIVERGING not in critic(30, targets=5, outputs=80)


@pytest.mark.parametrize(
    ("growth", "targets", "outputs"),
    [(30, 1, 15), (30, 5, 150), (3e4, 300, 4000)],
    ids=["the targets stay", "the outputs are beyond them", "without an end"],
)
def test_targets_do_not_excuse_any_rise(growth: float, targets: float, outputs: float) -> None:
    assert Symptom.LOSS_DIVERGING in critic(growth, targets, outputs)


@pytest.mark.parametrize(("error", "diverges"), [(40, False), (85, True), (200, False)])
def test_outputs_that_overshoot_are_the_error_where_targets_are_not_known(
    error: float, *, diverges: bool
) -> None:
    assert (Symptom.LOSS_DIVERGING in critic(30, None, 90, error)) == diverges
