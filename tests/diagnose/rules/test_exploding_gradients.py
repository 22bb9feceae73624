from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest

from gradwidget.diagnose.engine import Engine
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.rules.exploding_gradients import exploding_gradients
from gradwidget.frame import Wiring
from gradwidget.record.history import History
from tests.support.frames import chain, found, frame, healthy, judge, only

DEPTH = 8


def at_scale(scale: float, loss: float = 2.0, **more: Any) -> dict[str, Any]:
    """A step whose gradients are ``scale`` times the usual ones."""
    names = ("grad_norm", "grad_rms", "act_grad_rms", "act_grad_norm")
    usual = healthy(DEPTH)
    scalars = {"loss": loss, "total_grad_norm": usual["scalars"]["total_grad_norm"] * scale}
    return healthy(DEPTH, **{name: usual[name] * scale for name in names}, **more, scalars=scalars)


def test_growth_over_depth_names_the_layers_near_the_input() -> None:
    share = np.geomspace(1e5, 1, DEPTH)
    figures = healthy(DEPTH, act_grad_rms=0.01 * share, act_grad_norm=0.3 * share)
    finding = only(judge(30, chain(DEPTH), figures)[0])
    assert finding.symptom is Symptom.EXPLODING_GRADIENTS
    assert finding.layers[0] == "fc0"
    assert finding.first_step == 0


def test_a_tenfold_growth_over_depth_is_no_explosion() -> None:
    share = np.geomspace(10, 1, DEPTH)
    figures = healthy(DEPTH, act_grad_rms=0.01 * share, act_grad_norm=0.3 * share)
    assert judge(30, chain(DEPTH), figures)[0].findings == []


def test_a_spike_is_reported_at_its_own_step_and_resolved_later() -> None:
    engine, _ = judge(100, chain(DEPTH), lambda step: at_scale(1000 if step == 60 else 1))
    finding = only(engine)
    assert (finding.first_step, finding.reported_step, finding.last_step) == (60, 60, 60)
    assert not finding.active


def test_names_the_layer_that_grew_most() -> None:
    def figures(step: int) -> dict[str, Any]:
        scale = np.ones(DEPTH)
        if step >= 60:
            scale[3] = 1e4
        return healthy(
            DEPTH,
            grad_norm=0.16 * scale,
            scalars={"total_grad_norm": float(np.linalg.norm(0.16 * scale))},
        )

    assert only(judge(70, chain(DEPTH), figures)[0]).layers == ("fc3",)


def test_stays_while_the_gradient_stays_far_above_its_past() -> None:
    engine, _ = judge(
        400,
        chain(DEPTH),
        lambda step: at_scale(1 if step < 60 else 1000, loss=2 if step < 30 else 1),
    )
    finding = only(engine)
    assert finding.active
    assert finding.last_step >= 400 - engine.limits.slow_rule_interval


def test_silent_on_noise_of_a_converged_model() -> None:
    noise = np.random.default_rng(0).lognormal(0, 2, 400)
    assert (
        judge(400, chain(DEPTH), lambda step: at_scale(noise[step], loss=0.01 * noise[step]))[
            0
        ].findings
        == []
    )


def test_silent_when_a_plateau_is_left() -> None:
    def figures(step: int) -> dict[str, Any]:
        grown = 1.3 ** max(0, min(step - 60, 25))
        return at_scale(grown, loss=2.0 - 0.001 * grown)

    assert judge(120, chain(DEPTH), figures)[0].findings == []


def test_silent_on_two_optimizers_with_gradients_of_different_size() -> None:
    def figures(step: int) -> dict[str, Any]:
        generator = np.arange(DEPTH) < DEPTH // 2
        mine = generator if step % 5 == 4 else ~generator
        scale = np.where(generator, 1e3, 1.0)
        values = {
            k: np.where(mine, healthy(DEPTH)[k] * scale, np.nan) for k in ("grad_norm", "grad_rms")
        }
        masks = dict.fromkeys(values, mine)
        kept = {k: v for k, v in healthy(DEPTH).items() if not k.startswith("act_grad")}
        return {**kept, **values, "measured": masks}

    assert judge(100, chain(DEPTH), figures)[0].findings == []


def test_is_seen_through_clipping() -> None:
    def figures(step: int) -> dict[str, Any]:
        return healthy(DEPTH, raw_grad_norm=np.full(DEPTH, 0.16 * (1000 if step >= 60 else 1)))

    assert found(judge(70, chain(DEPTH), figures)[0]) == {Symptom.EXPLODING_GRADIENTS}


def test_the_ratio_over_depth_is_that_of_first_and_last_layer() -> None:
    share = np.geomspace(1e5, 1, DEPTH)
    _, history = judge(
        30, chain(DEPTH), healthy(DEPTH, act_grad_rms=0.01 * share, act_grad_norm=0.3 * share)
    )
    detection = exploding_gradients(Window(history), None)
    assert detection is not None
    assert abs(detection.evidence["value"] / 1e5 - 1) < 1e-3
    assert detection.evidence["bound"] == 170
    assert "grows 100,000× on its way from fc7 back to fc0, × 5.2 a layer:" in detection.message


def test_a_spike_is_measured_by_the_largest_of_the_past() -> None:
    sizes = {40: 3.0, 60: 300.0}
    _, history = judge(61, chain(DEPTH), lambda step: at_scale(sizes.get(step, 1.0)))
    detection = exploding_gradients(Window(history), None)
    assert detection is not None
    # Three times as large as usual at step 40, three hundred times at step 60.
    assert abs(detection.evidence["value"] - 100) < 1e-3
    assert detection.first_step == 60


def test_gradients_of_next_to_nothing_that_come_back_over_many_steps_are_a_recovery() -> None:
    def figures(step: int) -> dict[str, Any]:
        weight = 10.0 ** (-11 * max(0.0, 1 - step / 80))
        moved = np.full(DEPTH, 1e-3 * weight)
        loss = {"loss": 2.0 * weight}
        return healthy(
            DEPTH, grad_norm=np.full(DEPTH, 0.3 * weight), update_ratio=moved, scalars=loss
        )

    often = [*range(11), *range(20, 100, 10), 100, 101, 102, 103]
    rarely = [*range(11), 20, 30, 60, 100, 101, 102, 103]
    for sampled in (often, rarely):
        assert judge(sampled, chain(DEPTH), figures)[0].findings == []


@pytest.mark.parametrize("left", [1.0, 0.03])  # of the gradient, for what was learned meanwhile
def test_silent_on_a_loss_that_is_given_another_weight_between_frames_far_apart(
    left: float,
) -> None:
    def annealed(step: int) -> dict[str, Any]:
        weight = 10.0 ** (-9 * max(0.0, 1 - step / 60))
        return at_scale(weight * (1.0 if step < 10 else left), loss=2.0 * weight)

    def lost(step: int) -> dict[str, Any]:
        # The same figures where the weights have not stayed what they were.
        size = np.full(DEPTH, 4.0 if step < 60 else 40.0)
        return {**annealed(step), "matrix_norm": size}

    steps = [*range(10), *range(100, 110)]
    assert judge(steps, chain(DEPTH), annealed)[0].findings == []
    assert Symptom.EXPLODING_GRADIENTS in found(judge(steps, chain(DEPTH), lost)[0])


@pytest.mark.parametrize("leaps", [False, True])
def test_a_weight_that_rises_a_little_in_each_step_is_none_between_near_frames_either(
    *, leaps: bool
) -> None:
    def loss(step: int) -> float:
        # Where one step makes all of the rise, it may be a batch that is out of line.
        left = max(0.0, 1 - (step // 16 * 16 if leaps else step) / 60)
        return 2.0 * math.pow(10.0, -9 * left)

    history, engine = History(), Engine()
    frames = [*range(11), 16, 24, 32]
    for step in range(33):
        history.losses.extend([step], [loss(step)])
        if step in frames:
            history.append(frame(step, chain(DEPTH), at_scale(loss(step), loss=loss(step))))
            engine.update(history)
    assert (Symptom.EXPLODING_GRADIENTS in found(engine)) == leaps


def test_the_loss_of_a_step_without_gradients_is_compared_with_none() -> None:
    def annealed(step: int) -> dict[str, Any]:
        weight = 10.0 ** (-9 * max(0.0, 1 - step / 60))
        figures = at_scale(weight, loss=2.0 * weight)
        if step == 31:  # sampled when they had gone by
            figures["grad_norm"] = np.full(DEPTH, np.nan)
        return figures

    steps = [*range(10), *range(31, 41)]
    assert judge(steps, chain(DEPTH), annealed)[0].findings == []


def test_a_batch_that_makes_loss_and_gradient_leap_between_two_steps_is_a_spike() -> None:
    def figures(step: int) -> dict[str, Any]:
        return at_scale(1e4, loss=2e4) if step == 60 else at_scale(1.0)

    assert Symptom.EXPLODING_GRADIENTS in found(judge(70, chain(DEPTH), figures)[0])


def test_a_run_that_is_lost_needs_no_more_than_its_two_frames() -> None:
    def figures(step: int) -> dict[str, Any]:
        if step > 1:
            return at_scale(np.nan, loss=np.nan)
        share = np.geomspace(2e3 if step == 0 else 1e20, 1, DEPTH)
        return healthy(DEPTH, act_grad_rms=share, act_grad_norm=share, scalars={"loss": 9e4})

    finding = judge(6, chain(DEPTH), figures)[0].findings[0]
    assert (finding.symptom, finding.first_step) == (Symptom.EXPLODING_GRADIENTS, 0)


def test_of_two_networks_in_turns_layers_are_compared_in_the_same_frames() -> None:
    first = np.arange(DEPTH) < DEPTH // 2

    def figures(step: int, growth: float) -> dict[str, Any]:
        # Both get ever less; those of the first are seen in every tenth frame alone.
        turn = first if step % 10 == 0 else ~first
        seen = turn | ~first
        level = 0.01 * 0.7**step * np.where(first, growth, 1.0)
        return healthy(
            DEPTH,
            grad_norm=np.where(turn, 0.16, np.nan),
            act_grad_rms=np.where(seen, level, np.nan),
            act_grad_norm=np.where(seen, level, np.nan),
            scalars={"loss": 1.0},
            wiring=Wiring(optimizers=("Adam", "Adam")),
            measured=dict.fromkeys(("act_grad_rms", "act_grad_norm"), seen) | {"grad_norm": turn},
        )

    def explodes(growth: float) -> bool:
        engine, _ = judge(100, chain(DEPTH), partial(figures, growth=growth))
        return Symptom.EXPLODING_GRADIENTS in found(engine)

    assert not explodes(1.0)
    assert explodes(1e4)


def test_of_two_networks_in_turns_only_the_turns_of_one_are_its_past() -> None:
    """Sampled at the start and then rarely, six turns say little of what is usual later."""
    first = np.arange(DEPTH) < DEPTH // 2

    def figures(step: int, loss: float) -> dict[str, Any]:
        turn = first if step % 2 else ~first
        size = np.where(first, 0.02, 0.16) * (50.0 if step == 201 else 1.0)
        return healthy(
            DEPTH,
            grad_norm=np.where(turn, size, np.nan),
            scalars={"loss": loss if step == 201 else 0.7},
            wiring=Wiring(optimizers=("Adam", "Adam")),
            measured={"grad_norm": turn},
        )

    def explodes(loss: float) -> bool:
        steps = [*range(12), 100, 101, 200, 201]
        engine, _ = judge(steps, chain(DEPTH), partial(figures, loss=loss))
        return Symptom.EXPLODING_GRADIENTS in found(engine)

    assert not explodes(0.76)
    assert explodes(7.0)


def test_activations_that_grow_past_all_numbers_explain_a_gradient_that_has_none() -> None:
    lost = np.full(DEPTH, np.nan)
    sizes = np.geomspace(1, 1e9, DEPTH)
    gone = healthy(DEPTH, grad_norm=lost, act_grad_rms=lost, act_grad_norm=lost, act_rms=sizes)
    gone["scalars"] |= {"loss": 1e9, "total_grad_norm": np.nan}
    finding, nan = judge(1, chain(DEPTH), gone)[0].findings
    assert finding.symptom is nan.because is Symptom.EXPLODING_GRADIENTS
    assert finding.layers == tuple(f"fc{i}" for i in range(DEPTH))
    assert "1 billion×" in finding.message or "1,000,000,000×" in finding.message
    sound = healthy(DEPTH, act_rms=sizes)
    assert judge(1, chain(DEPTH), sound)[0].findings == []


def test_the_gradient_of_another_loss_is_compared_with_none_of_the_old_one() -> None:
    head = np.arange(DEPTH) == DEPTH - 1
    decoder = np.arange(DEPTH) == DEPTH - 2

    def run(before: Any, after: Any) -> set[Symptom]:
        def figures(step: int) -> dict[str, Any]:
            has = after if step >= 60 else before
            norms = np.where(has, 0.16 * (100 if step >= 60 else 1), np.nan)
            return healthy(DEPTH, grad_norm=norms, measured={"grad_norm": has})

        return found(judge(70, chain(DEPTH), figures)[0])

    assert Symptom.EXPLODING_GRADIENTS not in run(~head, ~decoder)
    # A layer that is unfrozen, or a head that is left out, leaves the loss what it was.
    assert Symptom.EXPLODING_GRADIENTS in run(~head, ~np.zeros(DEPTH, np.bool_))
    assert Symptom.EXPLODING_GRADIENTS in run(~np.zeros(DEPTH, np.bool_), ~head)
