"""What the loop, the head and the wiring show for certain."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gradwidget.diagnose.finding import Symptom
from gradwidget.frame import LOSS, Obstacle, Wiring
from tests.support.frames import chain, found, healthy, judge, only

DEPTH = 4


def with_scalar(name: str, value: float, steps: range | None = None) -> Any:
    def figures(step: int) -> dict[str, Any]:
        now = value if steps is None or step in steps else 0.0
        return healthy(DEPTH, scalars={name: now})

    return figures


@pytest.mark.parametrize(
    ("symptom", "scalar"),
    [
        (Symptom.GRADIENTS_NOT_CLEARED, "gradients_kept"),
        (Symptom.EVAL_MODE, "eval_mode"),
        (Symptom.LOSS_DETACHED, "loss_is_leaf"),
    ],
)
def test_three_frames_in_a_row_are_certain(symptom: Symptom, scalar: str) -> None:
    finding = only(judge(12, chain(DEPTH), with_scalar(scalar, 1.0, range(4, 12)))[0])
    assert finding.symptom is symptom
    assert (finding.first_step, finding.reported_step) == (4, 6)


@pytest.mark.parametrize("scalar", ["gradients_kept", "eval_mode", "loss_is_leaf"])
def test_two_frames_are_not(scalar: str) -> None:
    assert judge(12, chain(DEPTH), with_scalar(scalar, 1.0, range(4, 6)))[0].findings == []


def test_derivatives_without_a_graph_are_a_warning_with_a_title_of_their_own() -> None:
    finding = only(judge(12, chain(DEPTH), with_scalar("lost_derivatives", 1.0))[0])
    assert (finding.symptom, finding.severity) == (Symptom.LOSS_DETACHED, "warning")
    assert finding.title == "A term of the loss has no graph"
    assert [one.title for one in finding.remedies] == [
        "Take the derivatives with create_graph=True"
    ]


def test_passes_that_no_step_follows_are_counted() -> None:
    def figures(step: int) -> dict[str, Any]:
        return healthy(DEPTH, scalars={"unstepped": 9.0 + step})

    finding = only(judge(5, chain(DEPTH), figures)[0])
    assert finding.symptom is Symptom.NO_STEP
    assert "no optimizer has stepped" in finding.message


def test_an_optimizer_that_steps_other_parameters_holds_none_of_these() -> None:
    scalars = {"unstepped": 9.0, "stepped_elsewhere": 1.0}
    finding = only(judge(5, chain(DEPTH), healthy(DEPTH, scalars=scalars))[0])
    assert finding.symptom is Symptom.NOT_IN_OPTIMIZER
    assert finding.severity == "critical"
    assert "Add them" in finding.remedies[0].title


def cleared_before_the_step(how: str) -> dict[str, Any]:
    gone: dict[str, Any] = {
        "set to None": {"grad_is_none": np.ones(DEPTH)},
        "set to 0": {"grad_norm": np.zeros(DEPTH), "grad_zero_fraction": np.ones(DEPTH)},
    }[how]
    return healthy(DEPTH, **gone, scalars={"raw_total_grad_norm": 0.3, "total_grad_norm": 0.0})


@pytest.mark.parametrize("how", ["set to None", "set to 0"])
def test_gradients_that_are_cleared_before_the_step_are_neither_cut_off_nor_zero(how: str) -> None:
    finding = only(judge(80, chain(DEPTH), cleared_before_the_step(how))[0])
    assert finding.symptom is Symptom.NO_STEP
    assert (finding.first_step, finding.reported_step) == (0, 2)
    assert "before backward()" in finding.remedies[0].title


@pytest.mark.parametrize("norm", [2e19, math.inf])
def test_clipping_by_a_norm_that_overflows_has_cleared_no_gradient(norm: float) -> None:
    values = cleared_before_the_step("set to 0")
    values["scalars"] |= {"raw_total_grad_norm": norm}
    assert Symptom.NO_STEP not in found(judge(80, chain(DEPTH), values)[0])


def test_steps_that_are_left_out_have_lost_no_gradient() -> None:
    values = {**cleared_before_the_step("set to 0"), "skipped": True}
    assert Symptom.NO_STEP not in found(judge(12, chain(DEPTH), values)[0])


def test_a_gradient_that_is_zero_behind_an_operation_over_one_entry_is_explained_by_it() -> None:
    wiring = Wiring(obstacles={"one entry": ("softmax", "fc1")})
    zeros = np.array([1.0, 1.0, 0.0, 0.0])
    figures = healthy(DEPTH, wiring=wiring, grad_zero_fraction=zeros)
    finding = only(judge(20, chain(DEPTH), figures)[0])
    assert finding.symptom is Symptom.ZERO_GRADIENT
    assert finding.layers == ("fc0", "fc1")
    assert "the softmax after fc1 runs over a dimension with a single entry" in finding.message
    assert "so it gives 1 whatever" in finding.message
    assert "dim=" in finding.remedies[0].why


def test_silent_on_an_operation_over_one_entry_whose_layers_have_a_gradient() -> None:
    wiring = Wiring(obstacles={"one entry": ("softmax", "fc1")})
    figures = healthy(DEPTH, wiring=wiring, grad_zero_fraction=np.zeros(DEPTH))
    assert judge(60, chain(DEPTH), figures)[0].findings == []


@pytest.mark.parametrize("share", [0.9, 0.1])
def test_weights_behind_a_rounding_are_named_where_their_gradient_is_zero(share: float) -> None:
    obstacles: dict[Obstacle, tuple[str, ...]] = {"rounded": ("sign", "fc0", "fc1")}
    wiring = Wiring(loss_path=("binary_cross_entropy", "sigmoid"), obstacles=obstacles)
    zeros = np.array([share, share, 0.0, 0.0])
    findings = judge(20, chain(DEPTH), healthy(DEPTH, wiring=wiring, grad_zero_fraction=zeros))[0]
    if share < 0.5:
        assert findings.findings == []
        return
    finding = only(findings)
    assert (finding.symptom, finding.layers) == (Symptom.ZERO_GRADIENT, ("fc0", "fc1"))
    assert "every way to them goes through sign" in finding.message
    assert "x + (x.sign() - x).detach()" in finding.remedies[0].why


def test_layers_that_are_no_part_of_the_model_are_counted_by_kind() -> None:
    wiring = Wiring(unregistered=("Linear 32×32", "Linear 32×32", "Conv2d 8×3×3×3"))
    finding = only(judge(6, chain(DEPTH), healthy(DEPTH, wiring=wiring))[0])
    assert finding.symptom is Symptom.UNREGISTERED_LAYERS
    assert "2 × Linear 32×32, Conv2d 8×3×3×3" in finding.message


def test_parameters_in_no_optimizer_are_named_once_every_optimizer_has_had_its_turn() -> None:
    held = np.array([1.0, 0.0, 0.5, 1.0])
    finding = only(judge(30, chain(DEPTH), healthy(DEPTH, optimized_fraction=held))[0])
    assert finding.symptom is Symptom.NOT_IN_OPTIMIZER
    assert finding.layers == ("fc1", "fc2")
    assert (finding.first_step, finding.reported_step) == (0, 10)


def test_silent_on_an_optimizer_whose_turn_comes_later() -> None:
    def figures(step: int) -> dict[str, Any]:
        return healthy(DEPTH, optimized_fraction=np.array([1.0, 1.0, 1.0, float(step > 6)]))

    assert judge(60, chain(DEPTH), figures)[0].findings == []


@pytest.mark.parametrize("is_target", [True, False])
def test_silent_on_what_runs_without_gradients_as_a_target_network_does(*, is_target: bool) -> None:
    feeds = {"fc0": ("fc1",), "fc1": (LOSS,) if is_target else ("fc2",), "fc2": (LOSS,)}
    if is_target:
        del feeds["fc2"]
    gradients = np.array([1.0, 1.0, np.nan if is_target else 1.0, np.nan])
    figures = healthy(
        DEPTH,
        wiring=Wiring(feeds=feeds),
        optimized_fraction=np.array([1.0, 1.0, 0.0, 0.0]),
        has_run=np.ones(DEPTH),
        act_grad_norm=gradients,
    )
    findings = judge(60, chain(DEPTH), figures)[0].findings
    named = [one.layers for one in findings if one.symptom is Symptom.NOT_IN_OPTIMIZER]
    assert named == ([] if is_target else [("fc2",)])


def test_updates_that_half_precision_swallows_are_named() -> None:
    lost = np.array([0.9, 0.95, 0.1, 0.0])
    wiring = Wiring(precision="bfloat16")
    figures = healthy(DEPTH, updates_lost_fraction=lost, wiring=wiring)
    finding = only(judge(30, chain(DEPTH), figures)[0])
    assert finding.symptom is Symptom.UPDATES_LOST
    assert finding.layers == ("fc1", "fc0")
    assert "bfloat16" in finding.message


NAMES = [f"fc{i}" for i in range(DEPTH)]


@pytest.mark.parametrize(
    ("path", "outputs", "named"),
    [
        (("mean", "pow", "clamp", "sub"), 1.0, "a clamp"),
        (("binary_cross_entropy", "sigmoid"), 40.0, "a sigmoid"),
        (("binary_cross_entropy", "sigmoid", "mul"), 1.0, "a sigmoid"),
        (("mse_loss", "mul", "sigmoid", "relu"), 1.0, "a ReLU"),
    ],
)
def test_gradients_that_are_all_zero_are_explained_by_what_is_flat_where_the_outputs_are(
    path: tuple[str, ...], outputs: float, named: str
) -> None:
    wiring = Wiring(
        feeds={"fc0": ("fc1",), "fc1": ("fc2",), "fc2": ("fc3",), "fc3": (LOSS,)}, loss_path=path
    )
    zero = dict.fromkeys(("grad_norm", "grad_rms", "act_grad_rms", "act_grad_norm"), np.zeros(4))
    ones = dict.fromkeys(("grad_zero_fraction", "act_grad_zero_fraction"), np.ones(4))
    sizes = np.array([1.0, 1.0, 1.0, outputs])
    scalars = {"loss": 1.0}
    figures = healthy(DEPTH, wiring=wiring, scalars=scalars, act_rms=sizes, **zero, **ones)
    finding = judge(40, chain(DEPTH), figures)[0].findings[0]
    assert finding.symptom is Symptom.ZERO_GRADIENT
    assert named in finding.message
    assert finding.reported_step < 12
    assert finding.remedies[0].title == f"Replace {named} before the loss"
    assert finding.remedies[0].code == ""


def test_a_loss_of_exactly_zero_from_the_start_is_made_so() -> None:
    ones = dict.fromkeys(("grad_zero_fraction", "act_grad_zero_fraction"), np.ones(4))
    figures = healthy(DEPTH, scalars={"loss": 0.0}, **ones)
    finding = judge(40, chain(DEPTH), figures)[0].findings[0]
    assert finding.symptom is Symptom.ZERO_GRADIENT
    assert "exactly 0, and so is the loss" in finding.message
    assert [remedy.title for remedy in finding.remedies] == ["Find what makes the loss 0"]


def test_silent_on_zero_gradients_of_a_loss_that_is_as_low_as_it_can_be() -> None:
    ones = dict.fromkeys(("grad_zero_fraction", "act_grad_zero_fraction"), np.ones(4))

    def figures(step: int) -> dict[str, Any]:
        return healthy(DEPTH, scalars={"loss": max(2.0 - step, 0.0)}, **(ones if step > 5 else {}))

    assert Symptom.ZERO_GRADIENT not in found(judge(60, chain(DEPTH), figures)[0])


def test_of_two_optimizers_in_turns_one_may_never_be_cleared() -> None:
    def figures(step: int) -> dict[str, Any]:
        turn = np.arange(DEPTH) % 2 == step % 2
        kept = {"gradients_kept": float(step % 2)}
        wiring = Wiring(optimizers=("Adam", "Adam"))
        gradient = np.where(turn, 0.16, np.nan)
        measured = {"grad_norm": turn}
        return healthy(DEPTH, grad_norm=gradient, scalars=kept, wiring=wiring, measured=measured)

    finding = only(judge(12, chain(DEPTH), figures)[0])
    assert finding.symptom is Symptom.GRADIENTS_NOT_CLEARED
    assert finding.reported_step == 5


def test_gradients_that_are_never_cleared_stay_so_while_no_frame_tells_otherwise() -> None:
    """Sampled are now one step of each network, where it takes two in a row to see it."""

    def figures(step: int) -> dict[str, Any]:
        turn = np.arange(DEPTH) % 2 == step % 2
        known = {"gradients_kept": 0.0} if step % 2 == 0 else {}
        return healthy(
            DEPTH,
            grad_norm=np.where(turn, 0.16, np.nan),
            scalars={"gradients_kept": float(step % 2)} if step < 12 else known,
            wiring=Wiring(optimizers=("Adam", "Adam")),
            measured={"grad_norm": turn},
        )

    finding = only(judge(60, chain(DEPTH), figures)[0])
    assert finding.symptom is Symptom.GRADIENTS_NOT_CLEARED
    assert finding.active


def test_gradients_that_are_cleared_again_are_no_longer_reported() -> None:
    def figures(step: int) -> dict[str, Any]:
        return healthy(DEPTH, scalars={"gradients_kept": float(step < 12)})

    findings = judge(60, chain(DEPTH), figures)[0].findings
    assert [(one.symptom, one.active) for one in findings] == [
        (Symptom.GRADIENTS_NOT_CLEARED, False)
    ]


def test_weights_that_block_each_other_are_the_cause_of_a_gradient_that_vanishes() -> None:
    """All weights are 0 and only the last bias learns."""
    gone = np.array([1.0, 1.0, 1.0, 0.9])
    nothing = np.array([0.0, 0.0, 0.0, 0.1])
    figures = healthy(
        DEPTH,
        grad_zero_fraction=gone,
        act_grad_rms=nothing,
        act_grad_norm=nothing,
        weight_norm=np.zeros(DEPTH),
        matrix_norm=np.zeros(DEPTH),
        scalars={"loss": 2.3},
    )
    findings = judge(150, chain(DEPTH), figures)[0].findings
    assert findings[0].symptom is Symptom.ZERO_GRADIENT
    assert Symptom.WEIGHTS_ZERO not in {one.symptom for one in findings}


@pytest.mark.parametrize(
    ("kind", "explains"), [("BatchNorm1d", True), ("LayerNorm", False), ("Linear", False)]
)
def test_only_norms_to_which_evaluation_mode_matters_make_other_things_go_wrong(
    kind: str, *, explains: bool
) -> None:
    layers = [replace(chain(DEPTH)[0], name="first", kind=kind), *chain(DEPTH)[1:]]
    dead = np.zeros(DEPTH)
    dead[1] = 1
    figures = healthy(DEPTH, act_dead_fraction=dead, scalars={"eval_mode": 1.0})
    by = {one.symptom: one for one in judge(60, layers, figures)[0].findings}
    because = Symptom.EVAL_MODE if explains else None
    assert by[Symptom.DEAD_RELU].because is because


@pytest.mark.parametrize(
    ("missing", "has_run", "led_by"),
    [
        (range(DEPTH), 1.0, Symptom.LOSS_DETACHED),
        (range(DEPTH), 0.0, Symptom.NO_GRADIENT),
        (range(DEPTH - 1), 1.0, Symptom.NO_GRADIENT),
    ],
)
def test_a_loss_of_which_no_layer_is_a_part_though_all_run_has_lost_the_model(
    missing: range, has_run: float, led_by: Symptom
) -> None:
    absent = np.isin(np.arange(DEPTH), missing)
    figures = healthy(DEPTH, grad_is_none=absent, has_run=np.full(DEPTH, has_run))
    engine, _ = judge(80, chain(DEPTH), figures)
    assert engine.findings[0].symptom is led_by
    assert (Symptom.LOSS_DETACHED in found(engine)) == (led_by is Symptom.LOSS_DETACHED)
