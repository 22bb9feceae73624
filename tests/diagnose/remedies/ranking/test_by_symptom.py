"""Which fix comes first in which case."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Origin, Symptom
from gradwidget.diagnose.remedies.ranking.by_symptom import remedies_for
from gradwidget.frame import Layer, Wiring
from tests.support.frames import chain, healthy, judge, moving

DEPTH = 4


def titles(
    symptom: Symptom,
    activation: str = "relu",
    first_step: int = 20,
    origin: Origin | None = None,
    **evidence: float,
) -> list[str]:
    """What is offered where fc1 has the symptom."""
    history = judge(30, chain(DEPTH, activation), healthy(DEPTH))[1]
    numbers: dict[str, Any] = {"value": 0.3, "bound": 0.1, "window": 9.0, **evidence}
    detection = Detection("warning", "", ("fc1",), first_step, numbers, "", origin)
    return [remedy.title for remedy in remedies_for(symptom, detection, Window(history))]


def test_a_squashing_activation_function_is_replaced_before_anything_else() -> None:
    assert titles(Symptom.VANISHING_GRADIENTS, "sigmoid")[0] == "Use ReLU instead of sigmoid"
    assert titles(Symptom.VANISHING_GRADIENTS, "relu")[0] == "Reinitialize fc1"


def test_one_that_squashes_elsewhere_is_left_alone() -> None:
    layers = list(chain(DEPTH))
    layers[2] = replace(layers[2], activation="tanh")
    window = Window(judge(30, layers, healthy(DEPTH))[1])
    detection = Detection("warning", "", ("fc0",), 0, {"value": 1e-4, "bound": 3e-3}, "")
    offered = remedies_for(Symptom.VANISHING_GRADIENTS, detection, window)
    assert not any("ReLU" in one.title for one in offered)


def test_what_came_with_large_steps_gets_a_lower_rate_and_fresh_weights_first() -> None:
    def figures(step: int) -> dict[str, Any]:
        return moving(DEPTH, 0.2 if step < 10 else 1e-3)

    window = Window(judge(30, chain(DEPTH, "tanh"), figures)[1])

    def first(step: int) -> str:
        detection = Detection("warning", "", ("fc1",), step, {"value": 1e-4, "bound": 3e-3}, "")
        return remedies_for(Symptom.VANISHING_GRADIENTS, detection, window)[0].title

    assert first(9) == "Lower the learning rate to 0.005, and reinitialize fc1"
    assert first(0) == "Use ReLU instead of tanh"


def test_what_was_wrong_from_the_start_is_fixed_in_all_layers() -> None:
    assert titles(Symptom.VANISHING_GRADIENTS, first_step=0)[0] == (
        "Reinitialize fc0, fc1, fc2 and 1 more"
    )


def test_an_explosion_over_steps_gets_a_lower_rate_and_one_over_depth_fresh_weights() -> None:
    lower, clipping, *_ = titles(Symptom.EXPLODING_GRADIENTS, baseline=1.0)
    assert lower.startswith("Lower the learning rate")
    assert clipping.startswith("Clip the gradient at")
    assert titles(Symptom.EXPLODING_GRADIENTS)[0] == "Reinitialize fc1"


@pytest.mark.parametrize(
    ("phase", "first"),
    [
        ("input", "Replace NaN in the inputs"),
        ("update", "Raise the optimizer's eps"),
        ("loss", "Skip steps whose gradients are not finite"),
        ("backward", "Skip steps whose gradients are not finite"),
        ("weights", "Skip steps whose gradients are not finite"),
    ],
)
def test_what_helps_against_a_nan_depends_on_where_it_arose(phase: Origin, first: str) -> None:
    assert titles(Symptom.GRADIENTS_NONFINITE, origin=phase)[0] == first


def test_a_run_that_was_never_finite_is_not_helped_by_skipping_first() -> None:
    offered = titles(Symptom.LOSS_NONFINITE, origin="loss", first_step=0)
    assert "skip" not in offered[0].lower()
    assert any(title.startswith("Skip steps") for title in offered[1:])


@pytest.mark.parametrize("phase", ["input", "loss", "backward", "update"])
def test_a_hole_in_the_numbers_is_no_reason_to_change_the_rate_or_to_clip(phase: Origin) -> None:
    offered = titles(Symptom.LOSS_NONFINITE, origin=phase)
    assert not any("rate" in title or "Clip" in title for title in offered)


def test_what_overflows_half_precision_gets_a_format_with_a_larger_range() -> None:
    wiring = Wiring(precision="float16")
    history = judge(30, chain(DEPTH), healthy(DEPTH, wiring=wiring))[1]
    numbers = {"value": 1.0, "bound": 0.0, "window": 1.0}
    detection = Detection("critical", "", (), 20, numbers, "", "forward")
    offered = remedies_for(Symptom.LOSS_NONFINITE, detection, Window(history))
    assert offered[0].title == "Use bfloat16"


def first_advice(figures: Callable[[int], dict[str, Any]], symptom: Symptom) -> str:
    """What is offered first where fc1 has the symptom since step 20."""
    history = judge(30, chain(DEPTH), figures)[1]
    numbers = {"value": 0.3, "bound": 0.1, "window": 9.0}
    detection = Detection("warning", "", ("fc1",), 20, numbers, "")
    return remedies_for(symptom, detection, Window(history))[0].title


@pytest.mark.parametrize(
    ("largest", "title"),
    [
        (0.3, "Reinitialize fc1, and lower the learning rate to 0.01"),
        (1e-3, "Reinitialize fc1"),
    ],
)
def test_units_that_a_large_step_killed_get_a_lower_rate_as_well(
    largest: float, title: str
) -> None:
    def figures(step: int) -> dict[str, Any]:
        return moving(DEPTH, largest if step == 19 else 1e-3)

    assert first_advice(figures, Symptom.DEAD_RELU) == title


@pytest.mark.parametrize(
    ("leap", "title"),
    [(30.0, "Scale the weights of fc1 back"), (2.0, "Lower the learning rate to 0.01")],
)
def test_weights_that_were_multiplied_at_once_are_scaled_back(leap: float, title: str) -> None:
    def figures(step: int) -> dict[str, Any]:
        large = 4.0 * (leap if step >= 20 else 1.0)
        return healthy(DEPTH, matrix_norm=np.array([4.0, large, 4.0, 4.0]))

    assert first_advice(figures, Symptom.WEIGHTS_GROWING) == title


@pytest.mark.parametrize(
    ("moves", "title"),
    [(1e-5, "Raise the learning rate to 200"), (1e-7, "Raise the learning rate to 20,000")],
)
def test_a_rate_is_raised_until_the_layer_that_moves_most_moves_as_usual(
    moves: float, title: str
) -> None:
    # The run is at 0.1; a usual first step moves that layer by a fiftieth.
    assert titles(Symptom.LR_TOO_LOW, value=moves)[0] == title


@pytest.mark.parametrize(
    "symptom", [Symptom.LR_TOO_HIGH, Symptom.LOSS_UNSTABLE, Symptom.LOSS_DIVERGING]
)
@pytest.mark.parametrize(
    ("first", "later", "title"),
    [
        (0.05, 0.05, "Lower the learning rate to 0.01"),
        (0.5, 0.5, "Lower the learning rate to 0.002"),
        (0.5, 1e-3, "Lower the learning rate to 0.002"),
        (0.05, 1e9, "Lower the learning rate to 0.01"),
    ],
)
def test_a_rate_is_lowered_by_what_its_first_step_did(
    symptom: Symptom, first: float, later: float, title: str
) -> None:
    # What came of it does not count: gradients that explode, or weights that have become large.
    def jumps(step: int) -> dict[str, Any]:
        rate = 1e-4 if step < 10 else 0.1
        return moving(DEPTH, 1e-3 if step < 10 else first if step == 10 else later, lr=rate)

    assert first_advice(jumps, symptom) == title


def advice(figures: dict[str, Any], symptom: Symptom, layers: tuple[str, ...] = ("fc1",)) -> str:
    """What is offered first in a run of which every frame is the same."""
    history = judge(30, chain(DEPTH), figures)[1]
    numbers = {"value": 0.3, "bound": 0.1, "window": 9.0}
    detection = Detection("warning", "", layers, 20, numbers, "")
    return remedies_for(symptom, detection, Window(history))[0].title


def test_units_that_their_biases_hold_off_get_other_biases_and_keep_their_weights() -> None:
    weights = np.full(DEPTH, 4.0)
    usual = healthy(DEPTH, matrix_norm=weights, weight_norm=np.full(DEPTH, 4.1))
    thrown = healthy(DEPTH, matrix_norm=weights, weight_norm=np.full(DEPTH, 40.0))
    assert advice(usual, Symptom.DEAD_RELU) == "Reinitialize fc1"
    assert advice(thrown, Symptom.DEAD_RELU) == "Raise the biases"


def test_a_gradient_that_grew_with_weights_that_leapt_needs_their_old_norm() -> None:
    def figures(step: int) -> dict[str, Any]:
        sizes = np.array([4.0, 4.0, 120.0 if step >= 20 else 4.0, 4.0])
        return healthy(DEPTH, matrix_norm=sizes)

    history = judge(30, chain(DEPTH), figures)[1]
    numbers = {"value": 90.0, "bound": 35.0, "window": 9.0, "baseline": 1.0}
    detection = Detection("warning", "", ("fc1",), 20, numbers, "")
    offered = remedies_for(Symptom.EXPLODING_GRADIENTS, detection, Window(history))
    assert offered[0].title == "Scale the weights of fc2 back"


def test_outputs_that_large_weights_hold_at_the_end_of_a_tanh_get_fresh_ones_there() -> None:
    wiring = Wiring(loss_path=("mse_loss", "tanh"))
    sizes = np.array([4.0, 4.0, 4.0, 200.0])
    usual = healthy(DEPTH, wiring=wiring)
    large = healthy(DEPTH, wiring=wiring, matrix_norm=sizes)
    assert advice(usual, Symptom.ZERO_GRADIENT) == "Replace a tanh before the loss"
    assert advice(large, Symptom.ZERO_GRADIENT) == "Reinitialize fc3"


def test_layers_that_move_less_for_their_gradient_get_the_rate_of_the_others() -> None:
    moves = np.array([1e-6, 1e-6, 1e-2, 1e-2])
    slow = healthy(DEPTH, matrix_change=moves, grad_norm=np.full(DEPTH, 1.0))
    faint = healthy(DEPTH, matrix_change=moves, grad_norm=moves)
    layers = ("fc0", "fc1")
    rates = "Give all parameter groups one learning rate"
    assert advice(slow, Symptom.EARLY_LAYERS_FROZEN, layers) == rates
    assert advice(faint, Symptom.EARLY_LAYERS_FROZEN, layers) == "Reinitialize fc0 and fc1"


@pytest.mark.parametrize(("size", "offered"), [(1.0, False), (8.0, True)])
def test_inputs_are_scaled_against_saturation_only_where_they_are_large(
    size: float, *, offered: bool
) -> None:
    data = {"input_rms": size, "input_mean": 0.0, "input_std": size}
    history = judge(30, chain(DEPTH, "tanh"), healthy(DEPTH, scalars=data))[1]
    numbers = {"value": 0.9, "bound": 0.65, "window": 9.0}
    detection = Detection("warning", "", ("fc1",), 0, numbers, "")
    remedies = remedies_for(Symptom.SATURATED, detection, Window(history))
    assert ("Scale the inputs" in [one.title for one in remedies]) is offered


def test_a_player_without_a_gradient_has_an_opponent_to_be_held_back() -> None:
    turns = healthy(
        DEPTH,
        wiring=Wiring(optimizers=("Adam", "Adam")),
        measured={"grad_norm": np.array([True, True, False, False])},
    )
    assert advice(turns, Symptom.VANISHING_GRADIENTS) == (
        "Hold back the network that it is trained against"
    )


def test_outputs_that_biases_hold_at_an_end_keep_their_weights() -> None:
    wiring = Wiring(loss_path=("mse_loss", "sigmoid"))
    thrown = np.array([4.1, 4.1, 4.1, 60.0])
    figures = healthy(DEPTH, wiring=wiring, weight_norm=thrown)
    assert advice(figures, Symptom.ZERO_GRADIENT) == "Reset the biases of fc3"
    held = healthy(DEPTH, weight_norm=np.full(DEPTH, 60.0))
    assert advice(held, Symptom.SATURATED) == "Reset the biases of fc1"


def test_an_overflow_of_weights_that_were_drawn_far_too_large_needs_other_ones() -> None:
    wiring = Wiring(precision="float16")
    sizes = np.array([4.0, 1200.0, 4.0, 4.0])
    history = judge(6, chain(DEPTH), healthy(DEPTH, wiring=wiring, matrix_norm=sizes))[1]
    numbers = {"value": 1.0, "bound": 0.0, "window": 1.0}
    detection = Detection("critical", "", (), 0, numbers, "", "forward")
    titles = [one.title for one in remedies_for(Symptom.LOSS_NONFINITE, detection, Window(history))]
    assert titles[:2] == ["Reinitialize fc1", "Use bfloat16"]


def test_a_rate_that_cannot_be_raised_so_far_is_a_loss_that_is_too_small() -> None:
    assert titles(Symptom.LR_TOO_LOW, value=1e-9) == ["Look at the scale of the loss"]


def test_within_a_layer_that_takes_whole_sequences_nobody_has_cut_the_state() -> None:
    layers = (Layer("lstm", "LSTM", {"weight_hh_l0": (32, 8), "bias_ih_l0": (32,)}),)
    history = judge(10, layers, healthy(1))[1]
    numbers = {"value": 0.0, "bound": 1e-3, "window": 5.0}
    detection = Detection("warning", "", ("lstm",), 0, numbers, "")
    offered = remedies_for(Symptom.RNN_VANISHING_IN_TIME, detection, Window(history))
    assert offered[0].title == "Start by remembering: raise the forget gate bias"


def test_a_state_that_is_cut_at_every_time_step_is_no_matter_of_weights() -> None:
    def first(ratio: float) -> str:
        history = judge(10, chain(DEPTH), healthy(DEPTH))[1]
        numbers = {"value": ratio, "bound": 1e-3, "window": 5.0}
        detection = Detection("warning", "", ("fc1",), 0, numbers, "")
        offered = remedies_for(Symptom.RNN_VANISHING_IN_TIME, detection, Window(history))
        return offered[0].title if offered else ""

    assert first(0.0) == "Give each time step the state with its graph"
    assert first(1e-6) != "Give each time step the state with its graph"


@pytest.mark.parametrize(
    ("activation", "size", "title"),
    [
        ("tanh", 0.8, "Reinitialize fc0, fc1, fc2 and 1 more"),
        ("tanh", 2.3, "Use ReLU instead of tanh"),
        ("sigmoid", 0.8, "Use ReLU instead of sigmoid"),
    ],
)
def test_weights_that_were_drawn_too_small_are_drawn_again_where_that_helps(
    activation: str, size: float, title: str
) -> None:
    sizes = np.full(DEPTH, size)  # 4 keeps the scale of what comes in, 2.3 is PyTorch's default
    history = judge(30, chain(DEPTH, activation), healthy(DEPTH, matrix_norm=sizes))[1]
    numbers = {"value": 0.3, "bound": 0.1, "window": 9.0}
    detection = Detection("warning", "", ("fc0", "fc1"), 0, numbers, "")
    offered = remedies_for(Symptom.VANISHING_GRADIENTS, detection, Window(history))
    assert offered[0].title == title


def test_weights_that_are_zero_are_not_blamed_where_the_last_layer_gets_nothing_either() -> None:
    sizes = np.array([0.0, 4.0, 4.0, 4.0])
    figures = healthy(DEPTH, weight_norm=sizes, matrix_norm=sizes)
    before, everything = ("fc0", "fc1"), tuple(f"fc{number}" for number in range(DEPTH))
    assert advice(figures, Symptom.ZERO_GRADIENT, before) == "Draw the weights that are zero"
    assert advice(figures, Symptom.ZERO_GRADIENT, everything).startswith("Replace a clamp")


def rates_offered(figures: dict[str, Any], symptom: Symptom) -> list[str]:
    """What is offered in a run of which every frame is the same."""
    window = Window(judge(30, chain(DEPTH), figures)[1])
    detection = Detection("warning", "", (), 20, {"value": 0.3, "bound": 0.1, "window": 9.0}, "")
    return [one.title for one in remedies_for(symptom, detection, window)]


@pytest.mark.parametrize(
    "symptom",
    [
        Symptom.LR_TOO_HIGH,
        Symptom.LOSS_UNSTABLE,
        Symptom.LOSS_DIVERGING,
        Symptom.WEIGHTS_GROWING,
    ],
)
@pytest.mark.parametrize(
    ("optimizer", "momentum", "is_first"),
    [("SGD", 0.999, True), ("SGD", 0.9, False), ("Adam", 0.999, False)],
)
def test_steps_that_add_up_a_hundredfold_get_a_usual_momentum_first(
    symptom: Symptom,
    optimizer: str,
    momentum: float,
    is_first: bool,  # noqa: FBT001 - a column of the table
) -> None:
    wiring, scalars = Wiring(optimizers=(optimizer,)), {"momentum": momentum}
    offered = rates_offered(healthy(DEPTH, wiring=wiring, scalars=scalars), symptom)
    assert (offered[0] == "Lower the momentum to 0.9") == is_first
    assert is_first or not any("momentum" in one for one in offered)


@pytest.mark.parametrize(
    ("rate", "title"),
    [
        (lambda step: 1e-3 * (step + 1), "Hold the learning rate at 0.003, which its schedule"),
        (lambda step: 1e-3 * min(step + 1, 15), "Lower the learning rate"),
        (lambda step: 1e-3 * (1 + abs(15 - step)), "Lower the learning rate"),
        (lambda _: 1e-2, "Lower the learning rate"),
    ],
    ids=["rising", "has risen", "falls and rises", "constant"],
)
def test_a_rate_that_its_schedule_still_raises_gets_a_bound_first(
    rate: Callable[[int], float], title: str
) -> None:
    def figures(step: int) -> dict[str, Any]:
        return moving(DEPTH, 0.3, lr=rate(step))

    window = Window(judge(30, chain(DEPTH), figures)[1])
    detection = Detection("warning", "", (), 9, {"value": 0.3, "bound": 0.05}, "")
    first = remedies_for(Symptom.LR_TOO_HIGH, detection, window)[0]
    assert first.title.startswith(title)
    assert ("min(group[" in first.code) == title.startswith("Hold")


@pytest.mark.parametrize(
    ("layers", "decay", "first"),
    [
        (("fc0", "fc1", "fc2"), 0.0, "Look for a penalty on the weights in the loss"),
        (("fc0", "fc1", "fc2"), 0.1, "Remove the weight decay"),
        (("fc0",), 0.0, "Reinitialize fc0"),
    ],
)
def test_weights_that_shrink_together_without_decay_are_those_of_a_penalty(
    layers: tuple[str, ...], decay: float, first: str
) -> None:
    window = Window(judge(30, chain(DEPTH), healthy(DEPTH, scalars={"weight_decay": decay}))[1])
    detection = Detection("warning", "", layers, 20, {"value": 0.1, "bound": 0.2}, "")
    assert remedies_for(Symptom.WEIGHTS_SHRINKING, detection, window)[0].title == first
