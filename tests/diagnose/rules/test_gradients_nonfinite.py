"""NaN or Inf in a gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.rules.gradients_nonfinite import gradients_nonfinite
from gradwidget.frame import Wiring
from tests.support.frames import chain, found, healthy, judge, only, origin


def marks(*layers: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    counts = np.zeros(4)
    counts[list(layers)] = 3
    return counts


def after(step_of_fault: int, **changes: Any) -> Any:
    return lambda step: healthy(4, **(changes if step >= step_of_fault else {}))


def test_a_nan_in_a_gradient_is_reported_at_once_with_its_origin_first() -> None:
    figures = after(7, grad_nonfinite=marks(0, 1, 2), origin=origin("backward", "fc2"))
    finding = only(judge(9, chain(4), figures)[0])
    assert finding.symptom is Symptom.GRADIENTS_NONFINITE
    assert finding.layers == ("fc2", "fc1", "fc0")
    assert (finding.first_step, finding.reported_step) == (7, 7)
    assert finding.origin == "backward"
    assert "backward pass, first in fc2" in finding.message


def test_the_layer_of_origin_stays_first_when_it_spreads() -> None:
    def figures(step: int) -> dict[str, Any]:
        first = {"grad_nonfinite": marks(2), "origin": origin("forward", "fc2")}
        later = {"grad_nonfinite": marks(0, 1, 2, 3), "origin": origin("weights", "fc0")}
        return healthy(4, **(first if step == 5 else later if step > 5 else {}))

    finding = only(judge(9, chain(4), figures)[0])
    assert finding.layers[0] == "fc2"
    assert finding.origin == "forward"


def test_steps_that_a_scaler_skips_are_its_job_unless_it_never_ends() -> None:
    overflow = {"grad_nonfinite": marks(0, 1), "skipped": True}
    assert (
        found(judge(6, chain(4), lambda step: healthy(4, **(overflow if step < 3 else {})))[0])
        == set()
    )
    assert found(judge(12, chain(4), healthy(4, **overflow))[0]) == {Symptom.GRADIENTS_NONFINITE}


def test_counts_that_were_not_measured_say_nothing() -> None:
    figures = healthy(
        4, grad_nonfinite=np.full(4, np.nan), measured={"grad_nonfinite": np.zeros(4, np.bool_)}
    )
    assert judge(5, chain(4), figures)[0].findings == []


def test_a_total_that_is_not_finite_is_enough() -> None:
    _, history = judge(5, chain(4), healthy(4, scalars={"total_grad_norm": float("inf")}))
    detection = gradients_nonfinite(Window(history), None)
    assert detection is not None
    assert detection.layers == ()
    assert detection.message == "NaN or Inf in the gradients at step 4."


CHAIN = {"fc0": ("fc1",), "fc1": ("fc2",), "fc2": ("fc3",), "fc3": ("(loss)",)}


@pytest.mark.parametrize(
    ("lost", "precision", "phase"),
    [
        ((0, 1), "float32", "backward"),
        ((0, 1, 2, 3), "float32", "weights"),
        ((1, 2), "float32", "weights"),
        ((2, 3), "float32", "weights"),
        ((0, 1), "float16", "weights"),
    ],
)
def test_a_nan_in_the_weights_of_first_layers_alone_arose_on_the_way_back(
    lost: tuple[int, ...], precision: str, phase: str
) -> None:
    figures = after(
        7,
        grad_nonfinite=marks(0, 1, 2, 3),
        weight_nonfinite=marks(*lost),
        origin=origin("weights", "fc0"),
        wiring=Wiring(feeds=CHAIN, precision=precision),
    )
    engine, _ = judge(9, chain(4), figures)
    by = {finding.symptom: finding for finding in engine.findings}
    assert by[Symptom.GRADIENTS_NONFINITE].origin == phase
    is_first = engine.findings[0].symptom is Symptom.GRADIENTS_NONFINITE
    assert is_first == (phase == "backward")


@pytest.mark.parametrize(
    ("path", "at", "first"),
    [
        (("mean", "where", "div", "sum"), "fc3", "Guard div before where in what follows fc3"),
        (("mean", "where", "div", "sum"), "fc1", "Skip steps whose gradients are not finite"),
        (("mean", "where", "relu", "sum"), "fc3", "Skip steps whose gradients are not finite"),
        (("mean", "div", "sum"), "fc3", "Skip steps whose gradients are not finite"),
    ],
)
def test_a_hole_that_is_left_out_of_the_loss_and_not_of_its_gradient_is_to_be_guarded(
    path: tuple[str, ...], at: str, first: str
) -> None:
    wiring = Wiring(feeds=CHAIN, loss_path=path)
    figures = after(7, grad_nonfinite=marks(3), origin=origin("backward", at), wiring=wiring)
    titles = [one.title for one in only(judge(9, chain(4), figures)[0]).remedies]
    assert titles[0] == first


def test_what_of_the_loss_may_have_made_it_is_named() -> None:
    wiring = Wiring(feeds=CHAIN, loss_path=("mean", "log", "exp"))
    figures = after(7, grad_nonfinite=marks(3), origin=origin("loss"), wiring=wiring)
    whys = [one.why for one in only(judge(9, chain(4), figures)[0]).remedies]
    assert any("Look in the loss for log." in why and "exp: it overflows" in why for why in whys)
