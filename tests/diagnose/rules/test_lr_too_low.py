"""Updates so small that hardly anything changes."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.rules.lr_too_low import lr_too_low
from tests.support.frames import chain, found, judge, moving

DEPTH = 6


def test_tiny_updates_at_a_high_loss_mean_that_the_rate_is_too_low() -> None:
    engine, _ = judge(150, chain(DEPTH), {**moving(DEPTH, 1e-7), "grad_norm": np.full(DEPTH, 1.0)})
    assert found(engine) == {Symptom.LR_TOO_LOW, Symptom.PLATEAU}


def test_a_gradient_that_promises_too_little_is_no_reason_to_raise_the_rate() -> None:
    tiny = moving(DEPTH, 1e-7)
    promising = {**tiny, "grad_norm": np.full(DEPTH, 1.0)}
    hopeless = {**tiny, "grad_norm": np.full(DEPTH, 0.01)}
    _, history = judge(150, chain(DEPTH), promising)
    assert lr_too_low(Window(history), None) is not None
    _, history = judge(150, chain(DEPTH), hopeless)
    assert lr_too_low(Window(history), None) is None


def test_silent_on_a_schedule_that_ends_at_zero_and_on_a_warm_up() -> None:
    def decay(step: int) -> dict[str, Any]:
        return moving(DEPTH, 1e-3 * (1 - step / 200), lr=0.1 * (1 - step / 200))

    def warm_up(step: int) -> dict[str, Any]:
        return moving(DEPTH, 1e-7 * (step + 1), lr=1e-5 * (step + 1))

    assert judge(200, chain(DEPTH), decay)[0].findings == []
    assert judge(150, chain(DEPTH), warm_up)[0].findings == []


def test_silent_on_a_model_that_began_converged() -> None:
    nothing_to_gain = {name: np.full(DEPTH, 1e-6) for name in ("grad_norm", "grad_rms")}
    figures = {**moving(DEPTH, 1e-8, loss=0.05), **nothing_to_gain}
    assert judge(200, chain(DEPTH), figures)[0].findings == []
