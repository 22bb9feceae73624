"""Updates that replace the weights."""

from __future__ import annotations

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.rules.lr_too_high import lr_too_high
from tests.support.frames import chain, found, judge, moving

DEPTH = 6


def test_updates_that_replace_the_weights_mean_that_the_rate_is_too_high() -> None:
    engine, _ = judge(60, chain(DEPTH), moving(DEPTH, 0.3, loss=2.2))
    assert found(engine) == {Symptom.LR_TOO_HIGH}


def test_the_change_of_a_step_and_the_loss_are_named() -> None:
    _, history = judge(60, chain(DEPTH), moving(DEPTH, 0.3, loss=2.2))
    detection = lr_too_high(Window(history), None)
    assert detection is not None
    assert abs(detection.evidence["value"] - 0.3) < 1e-6
    assert "changes the weights by 30% of their size" in detection.message
    assert "stays at 2.2 (2.2 at the start)" in detection.message


def test_a_high_rate_that_works_is_not_too_high() -> None:
    assert (
        judge(60, chain(DEPTH), lambda step: moving(DEPTH, 0.3, loss=2.0 * 0.9**step))[0].findings
        == []
    )
