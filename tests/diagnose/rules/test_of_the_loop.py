"""What the loop, the head and the wiring show for certain."""

from __future__ import annotations

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


def test_steps_that_are_left_out_have_lost_no_gradient() -> None:
    values = {**cleared_before_the_step("set to 0"), "skipped": True}
    assert Symptom.NO_STEP not in found(judge(12, chain(DEPTH), values)[0])


@pytest.mark.parametrize(
    "path",
    [
        ("nll_loss", "log_softmax", "softmax"),
        ("mean", "nll_loss", "log_softmax", "sigmoid"),
        ("binary_cross_entropy_with_logits", "sigmoid"),
    ],
)
def test_a_softmax_right_below_the_loss_s_own_is_one_too_many(path: tuple[str, ...]) -> None:
    figures = healthy(DEPTH, wiring=Wiring(loss_path=path))
    assert only(judge(6, chain(DEPTH), figures)[0]).symptom is Symptom.DOUBLE_SOFTMAX


@pytest.mark.parametrize(
    "path",
    [
        ("nll_loss", "log_softmax"),
        ("nll_loss", "log_softmax", "log_softmax"),
        ("nll_loss", "log_softmax", "addmm", "softmax"),
        ("mse_loss", "softmax"),
    ],
)
def test_silent_on_a_softmax_elsewhere(path: tuple[str, ...]) -> None:
    figures = healthy(DEPTH, wiring=Wiring(loss_path=path))
    assert judge(6, chain(DEPTH), figures)[0].findings == []


@pytest.mark.parametrize(
    ("path", "loss"),
    [
        (("nll_loss", "log_softmax", "relu"), "cross-entropy"),
        (("binary_cross_entropy_with_logits", "relu"), "BCEWithLogitsLoss"),
    ],
)
def test_logits_that_a_relu_has_cut_off_are_named(path: tuple[str, ...], loss: str) -> None:
    finding = only(judge(6, chain(DEPTH), healthy(DEPTH, wiring=Wiring(loss_path=path)))[0])
    assert finding.title == "Outputs do not fit the loss"
    assert f"goes through a ReLU, and {loss} expects logits" in finding.message
    assert finding.remedies[0].title == "Remove the ReLU behind the last layer"
    pooled = (*path[:-1], "mean", "relu")  # maps of what is there, averaged, as SqueezeNet has them
    assert judge(6, chain(DEPTH), healthy(DEPTH, wiring=Wiring(loss_path=pooled)))[0].findings == []


@pytest.mark.parametrize(
    ("given", "loss", "words", "title"),
    [
        ("softmax", 1.5, "given the output of a softmax", "log_softmax in place of softmax"),
        ("sigmoid", -0.1, "below 0, which it never is", "log_softmax in place of sigmoid"),
        ("linear", -9.0, "is given logits", "Give the loss log_softmax of the outputs"),
    ],
)
def test_a_loss_of_log_probabilities_says_what_it_is_given_in_their_place(
    given: str, loss: float, words: str, title: str
) -> None:
    wiring = Wiring(obstacles={"no logarithm": ("nll_loss", given)})
    figures = healthy(DEPTH, wiring=wiring, scalars={"loss": loss})
    finding = only(judge(6, chain(DEPTH), figures)[0])
    assert finding.title == "Outputs do not fit the loss"
    assert "nll_loss expects logarithms of probabilities" in finding.message
    assert words in finding.message
    assert title in finding.remedies[0].title


def test_logarithms_over_the_samples_are_named_while_the_loss_falls() -> None:
    wiring = Wiring(obstacles={"no logarithm": ("nll_loss", "log_softmax"), "over samples": ()})
    finding = only(judge(6, chain(DEPTH), healthy(DEPTH, wiring=wiring))[0])
    assert "add up to 1 over the samples of the batch: take log_softmax with dim=1" in (
        finding.message
    )
    assert finding.remedies[0].title == "Take the softmax over the classes"


def test_a_loss_without_an_end_is_due_to_outputs_that_are_no_logarithms() -> None:
    def figures(step: int) -> dict[str, Any]:
        wiring = Wiring(loss_path=("nll_loss",), obstacles={"no logarithm": ("nll_loss", "linear")})
        grown = np.full(DEPTH, 1.0 + step)
        scalars = {"loss": -0.1 - step**2, "total_grad_norm": 2.0 * (1 + step)}
        return healthy(DEPTH, wiring=wiring, act_rms=grown, grad_norm=grown, scalars=scalars)

    first, *others = judge(80, chain(DEPTH), figures)[0].findings
    assert first.symptom is Symptom.DOUBLE_SOFTMAX
    assert Symptom.GRADIENT_ASCENT in {one.symptom for one in others}
    assert all(one.because is not None for one in others)


BOUNDS = {
    "sigmoid": ("0", "1"),
    "tanh": ("-1", "1"),
    "relu": ("0", "inf"),
    "softplus": ("0", "inf"),
    "clamp": ("-inf", "3"),
}


@pytest.mark.parametrize(
    ("loss", "function", "factor", "value", "words"),
    [
        ("mse_loss", "sigmoid", "1", 1.2, "gives 0 … 1, and their mean squared error is 1.2"),
        ("mse_loss", "sigmoid", "0.25", 0.3, "gives 0 … 1, and their mean squared error is 1.2"),
        ("mse_loss", "tanh", "1", 4.1, "gives −1 … 1, and their mean squared error is 4.1"),
        ("l1_loss", "tanh", "1", 2.1, "gives −1 … 1, and their mean error is 2.1"),
    ],
)
def test_targets_out_of_reach_are_told_by_an_error_that_is_too_large(
    loss: str, function: str, factor: str, value: float, words: str
) -> None:
    wiring = Wiring(
        loss_path=(loss, function),
        obstacles={"bounded": (loss, function, factor, *BOUNDS[function])},
    )
    figures = healthy(DEPTH, wiring=wiring, scalars={"loss": value})
    finding = only(judge(6, chain(DEPTH), figures)[0])
    assert finding.title == "Outputs do not fit the loss"
    assert words in finding.message
    assert finding.remedies[0].title == f"Remove the {function} from the outputs"


@pytest.mark.parametrize(
    ("loss", "function", "value"),
    [("mse_loss", "sigmoid", 1.005), ("mse_loss", "tanh", 3.9), ("l1_loss", "tanh", 1.9)],
)
def test_silent_on_outputs_with_bounds_that_may_reach_their_targets(
    loss: str, function: str, value: float
) -> None:
    wiring = Wiring(
        loss_path=(loss, function), obstacles={"bounded": (loss, function, "1", *BOUNDS[function])}
    )
    assert (
        judge(6, chain(DEPTH), healthy(DEPTH, wiring=wiring, scalars={"loss": value}))[0].findings
        == []
    )


@pytest.mark.parametrize(
    ("function", "low", "high", "loss", "is_said"),
    [
        ("relu", -1.4, 2.0, 1.0, True),
        ("softplus", -0.5, 2.0, 1.0, True),
        ("relu", -0.1, 2.0, 1.0, False),  # noise below amounts
        ("relu", 0.0, 2.0, 1.0, False),
        ("relu", -1.4, 2.0, 1e-3, False),  # next to nothing is left of the loss
        ("tanh", -1.4, 2.0, 1.0, False),  # has bounds on both sides, told by the error
        ("clamp", -9.0, 3.5, 1.0, False),
    ],
)
def test_targets_below_what_outputs_can_give_are_told_by_the_targets(
    function: str, low: float, high: float, loss: float, *, is_said: bool
) -> None:
    wiring = Wiring(
        loss_path=("mse_loss", function),
        obstacles={"bounded": ("mse_loss", function, "1", *BOUNDS[function])},
    )

    def figures(step: int) -> dict[str, Any]:
        scalars = {"loss": 1.0 if step < 6 else loss, "target_min": low, "target_max": high}
        return healthy(DEPTH, wiring=wiring, scalars=scalars)

    findings = [one for one in judge(60, chain(DEPTH), figures)[0].findings if one.active]
    assert [one.title for one in findings] == ["Outputs do not fit the loss"] * is_said
    for one in findings:
        assert "gives nothing below 0" in one.message
        assert one.remedies[0].title == f"Remove the {function} from the outputs"


def test_targets_above_what_outputs_are_clamped_at_are_told_as_well() -> None:
    bounded = ("mse_loss", "clamp", "1", *BOUNDS["clamp"])
    wiring = Wiring(loss_path=("mse_loss", "clamp"), obstacles={"bounded": bounded})
    scalars = {"loss": 1.0, "target_min": -2.0, "target_max": 8.0}
    finding = judge(60, chain(DEPTH), healthy(DEPTH, wiring=wiring, scalars=scalars))[0].findings[0]
    assert finding.title == "Outputs do not fit the loss"
    assert "gives nothing above 3, and targets reach up to 8" in finding.message
    assert finding.remedies[0].title == "Remove the clamp from the outputs"
    assert not finding.remedies[0].code


def test_outputs_of_another_shape_than_their_targets_are_named_while_the_loss_falls() -> None:
    wiring = Wiring(obstacles={"unlike shapes": ("[6, 1]", "[6, 6]"), "every pair": ()})
    finding = only(judge(6, chain(DEPTH), healthy(DEPTH, wiring=wiring))[0])
    assert finding.symptom is Symptom.DOUBLE_SOFTMAX
    assert "The outputs have the shape [6, 1]" in finding.message
    assert "become [6, 6]" in finding.message
    assert "view_as(target)" in finding.remedies[0].why


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


@pytest.mark.parametrize(("kind", "explains"), [("BatchNorm1d", True), ("Linear", False)])
def test_only_norms_in_evaluation_mode_make_other_things_go_wrong(
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


BINARY = Wiring(loss_path=("binary_cross_entropy_with_logits",))


@pytest.mark.parametrize(("low", "high"), [(0.0, 255.0), (-1.0, 1.0)])
def test_targets_that_are_no_probabilities_are_named_at_once(low: float, high: float) -> None:
    scalars = {"target_min": low, "target_max": high}
    finding = only(judge(9, chain(DEPTH), healthy(DEPTH, wiring=BINARY, scalars=scalars))[0])
    assert finding.title == "Targets do not fit the loss"
    assert "must lie between 0 and 1" in finding.message
    assert [one.title for one in finding.remedies] == ["Bring the targets to 0 … 1"]


@pytest.mark.parametrize(
    ("high", "wiring"),
    [
        (1.2, BINARY),  # smoothed labels
        (255.0, Wiring(loss_path=("mse_loss",))),
        (255.0, Wiring(loss_path=("add", "mse_loss", "binary_cross_entropy"))),
    ],
)
def test_silent_on_probabilities_and_on_targets_of_other_losses(
    high: float, wiring: Wiring
) -> None:
    scalars = {"target_min": 0.0, "target_max": high}
    figures = healthy(DEPTH, wiring=wiring, scalars=scalars)
    assert judge(60, chain(DEPTH), figures)[0].findings == []
