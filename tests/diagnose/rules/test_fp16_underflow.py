from __future__ import annotations

from typing import Any

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.rules.fp16_underflow import fp16_underflow
from gradwidget.frame import Wiring
from tests.support.frames import chain, healthy, judge, only

DEPTH = 4


def gradients(size: float, kind: type[np.floating[Any]]) -> dict[str, Any]:
    """What a gradient of the given size looks like after a backward pass in the given precision."""
    values = np.random.default_rng(0).normal(0, size, (DEPTH, 1000)).astype(kind).astype(np.float64)
    norm = np.sqrt((values**2).sum(1))
    return healthy(
        DEPTH,
        grad_norm=norm,
        grad_rms=norm / 1000**0.5,
        grad_max_abs=np.abs(values).max(1),
        grad_zero_fraction=(values == 0).mean(1),
    )


def test_gradients_rounded_to_zero_in_half_precision_are_found() -> None:
    finding = only(judge(30, chain(DEPTH), gradients(3e-8, np.float16))[0])
    assert finding.symptom is Symptom.FP16_UNDERFLOW
    assert set(finding.layers) == {"fc0", "fc1", "fc2", "fc3"}


def test_silent_on_the_same_gradients_in_full_precision() -> None:
    assert judge(30, chain(DEPTH), gradients(3e-8, np.float32))[0].findings == []


def test_silent_on_half_precision_at_a_usual_size() -> None:
    assert judge(30, chain(DEPTH), gradients(1e-2, np.float16))[0].findings == []


def test_silent_where_a_scaler_lifts_them_out_of_reach() -> None:
    lifted = gradients(3e-8 * 65536, np.float16)
    names = ("grad_norm", "grad_rms", "grad_max_abs")
    figures = {**lifted, **{name: lifted[name] / 65536 for name in names}}
    figures["scalars"] = {**lifted["scalars"], "loss_scale": 65536.0}
    assert judge(30, chain(DEPTH), figures)[0].findings == []


def test_gradients_that_are_all_gone_are_found_too() -> None:
    nothing = {
        name: np.zeros(DEPTH)
        for name in ("grad_norm", "grad_rms", "grad_max_abs", "act_grad_rms", "act_grad_norm")
    }
    all_zero = {name: np.ones(DEPTH) for name in ("grad_zero_fraction", "act_grad_zero_fraction")}
    figures = healthy(DEPTH, **nothing, **all_zero, scalars={"loss": 2.0})
    finding = only(judge(30, chain(DEPTH), figures)[0])
    assert finding.symptom is Symptom.FP16_UNDERFLOW
    assert "exactly 0" in finding.message


def test_the_share_of_zeros_is_named() -> None:
    lost = gradients(3e-8, np.float16)
    _, history = judge(30, chain(DEPTH), lost)
    detection = fp16_underflow(Window(history), None)
    assert detection is not None
    worst = float(lost["grad_zero_fraction"].max())
    assert abs(detection.evidence["value"] - worst) < 1e-6
    assert detection.message.startswith(f"{worst:.0%} of the gradient entries of")


def test_layers_that_have_lost_all_are_named_with_those_that_have_lost_a_part() -> None:
    figures = gradients(3e-8, np.float16)
    for name in ("grad_norm", "grad_rms", "grad_max_abs"):
        figures[name][:2] = 0.0
    figures["grad_zero_fraction"][:2] = 1.0
    figures["wiring"] = Wiring(precision="float16")
    finding = only(judge(30, chain(DEPTH), figures)[0])
    assert finding.symptom is Symptom.FP16_UNDERFLOW
    assert set(finding.layers) == {"fc0", "fc1", "fc2", "fc3"}
