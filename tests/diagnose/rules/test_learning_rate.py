"""The rules that look at the loss and at the change of the weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwidget.diagnose.finding import Symptom
from tests.diagnose.frames import chain, found, healthy, judge

DEPTH = 6


def moving(
    update: float | np.ndarray[Any, Any], loss: float = 2.0, **scalars: float
) -> dict[str, Any]:
    return healthy(
        DEPTH, update_ratio=np.broadcast_to(update, DEPTH), scalars={"loss": loss, **scalars}
    )


def test_early_layers_that_hardly_move_are_named() -> None:
    moves = np.array([1e-7, 1e-6, 1e-3, 1e-3, 1e-3, 1e-3])
    engine, _ = judge(60, chain(DEPTH), lambda step: moving(moves, loss=2.0 * 0.98**step))
    assert found(engine) == {Symptom.EARLY_LAYERS_FROZEN}
    assert engine.findings[0].layers == ("fc0", "fc1")


def test_silent_on_a_quiet_layer_in_the_middle_and_on_tenfold_differences() -> None:
    moves = np.array([1e-4, 1e-3, 1e-8, 1e-3, 1e-3, 1e-3])
    assert (
        judge(60, chain(DEPTH), lambda step: moving(moves, loss=2.0 * 0.98**step))[0].findings == []
    )


def test_tiny_updates_at_a_high_loss_mean_that_the_rate_is_too_low() -> None:
    engine, _ = judge(150, chain(DEPTH), {**moving(1e-7), "grad_norm": np.full(DEPTH, 1.0)})
    assert found(engine) == {Symptom.LR_TOO_LOW, Symptom.PLATEAU}


SAMPLED = [*range(10), 109]
"""The steps that a run at the default budget has seen after 110."""


def test_a_sample_that_shows_the_cause_of_a_plateau_shows_the_plateau_as_well() -> None:
    engine, _ = judge(SAMPLED, chain(DEPTH), {**moving(1e-7), "grad_norm": np.full(DEPTH, 1.0)})
    assert {finding.symptom: finding.reported_step for finding in engine.findings} == {
        Symptom.LR_TOO_LOW: 109,
        Symptom.PLATEAU: 109,
    }


def test_a_bias_that_moves_is_no_layer_that_learns() -> None:
    head = np.array([1.0] * (DEPTH - 1) + [1000.0])
    figures = {**moving(1e-3 * head), "matrix_change": np.full(DEPTH, 4e-3)}
    assert (
        judge(60, chain(DEPTH), lambda step: {**figures, "scalars": {"loss": 2.0 * 0.98**step}})[
            0
        ].findings
        == []
    )


def test_silent_on_a_run_that_had_learnt_though_few_samples_were_taken_while_it_had() -> None:
    def forgets(step: int) -> dict[str, Any]:
        return {**moving(1e-7, loss=0.5 if step == 109 else 2.0), "grad_norm": np.full(DEPTH, 1.0)}

    assert judge([*SAMPLED, *range(115, 180)], chain(DEPTH), forgets)[0].findings == []


def test_silent_on_a_schedule_that_ends_at_zero_and_on_a_warm_up() -> None:
    def decay(step: int) -> dict[str, Any]:
        return moving(1e-3 * (1 - step / 200), lr=0.1 * (1 - step / 200))

    def warm_up(step: int) -> dict[str, Any]:
        return moving(1e-7 * (step + 1), lr=1e-5 * (step + 1))

    assert judge(200, chain(DEPTH), decay)[0].findings == []
    assert judge(150, chain(DEPTH), warm_up)[0].findings == []


def test_silent_on_a_model_that_began_converged() -> None:
    nothing_to_gain = {name: np.full(DEPTH, 1e-6) for name in ("grad_norm", "grad_rms")}
    figures = {**moving(1e-8, loss=0.05), **nothing_to_gain}
    assert judge(200, chain(DEPTH), figures)[0].findings == []


def test_updates_that_replace_the_weights_mean_that_the_rate_is_too_high() -> None:
    engine, _ = judge(60, chain(DEPTH), moving(0.3, loss=2.2))
    assert found(engine) == {Symptom.LR_TOO_HIGH}


def test_a_high_rate_that_works_is_not_too_high() -> None:
    assert judge(60, chain(DEPTH), lambda step: moving(0.3, loss=2.0 * 0.9**step))[0].findings == []


def swings(step: int) -> float:
    return 4.0 if step % 7 == 3 else 1.5


def test_jumps_of_the_loss_after_large_updates_are_an_instability() -> None:
    engine, _ = judge(60, chain(DEPTH), lambda step: moving(0.04, loss=swings(step)))
    assert Symptom.LOSS_UNSTABLE in found(engine)


def test_the_same_jumps_after_small_updates_are_noise_of_the_batches() -> None:
    engine, _ = judge(60, chain(DEPTH), lambda step: moving(1e-3, loss=swings(step)))
    assert engine.findings == []


def test_a_flat_loss_alone_is_no_plateau() -> None:
    assert judge(300, chain(DEPTH), moving(1e-3, loss=0.693))[0].findings == []
