"""Weights that one factor drives up, and weights that an error drives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.rules.shared.steady_growth import steady_growth
from tests.support.frames import chain, healthy, judge

DEPTH = 4


def grown(norms: Callable[[int], Any], **scalars: float) -> Callable[[int], dict[str, Any]]:
    def figures(step: int) -> dict[str, Any]:
        now = np.broadcast_to(norms(step), DEPTH)
        return healthy(DEPTH, matrix_norm=now, weight_norm=now, scalars=scalars)

    return figures


def test_weights_that_grow_as_an_interest_does_have_one_rate() -> None:
    history = judge(60, chain(DEPTH), grown(lambda step: 4 * 1.03**step))[1]
    assert steady_growth(Window(history)) == pytest.approx(0.03)


@pytest.mark.parametrize(
    "norms",
    [
        lambda _: 4.0,
        lambda step: 4 * 0.97**step,
        lambda step: 4 + 0.5 * step,
        lambda step: 4 * np.array([1.03, 1.03, 1.03, 1.01]) ** step,
        lambda step: 4 * 1.001 ** (step * step),
    ],
    ids=["still", "shrinking", "by even steps", "one slower", "faster and faster"],
)
def test_other_weights_have_none(norms: Callable[[int], Any]) -> None:
    assert steady_growth(Window(judge(60, chain(DEPTH), grown(norms))[1])) is None


def test_a_momentum_that_repeats_every_step_drives_weights_as_evenly() -> None:
    for momentum, growth in ((0.9, pytest.approx(0.03)), (0.999, None)):
        figures = grown(lambda step: 4 * 1.03**step, momentum=momentum)
        assert steady_growth(Window(judge(60, chain(DEPTH), figures)[1])) == growth


def test_a_pace_shows_in_few_frames_of_many_steps() -> None:
    steps = [0, 1, 2, 40, 60, 80]
    history = judge(steps, chain(DEPTH), grown(lambda step: 4 * 1.03**step))[1]
    assert steady_growth(Window(history)) == pytest.approx(0.03)


def test_what_such_weights_do_to_the_steps_in_the_end_does_not_change_what_drives_them() -> None:
    def norms(step: int) -> Any:
        far = np.maximum(step - 90, 0)
        return 4 * 1.03 ** min(step, 90) * np.array([1.0, 1.2, 1.5, 2.0]) ** (far / 9)

    engine, history = judge(120, chain(DEPTH), grown(norms))
    assert steady_growth(Window(history)) is None
    (finding,) = [one for one in engine.findings if one.symptom is Symptom.WEIGHTS_GROWING]
    assert "grow by 3.0% a step" in finding.message
    active = {finding.symptom: finding}
    assert steady_growth(Window(history, active=active)) == pytest.approx(0.03)


def test_too_few_steps_and_a_single_layer_show_none() -> None:
    history = judge(6, chain(DEPTH), grown(lambda step: 4 * 1.03**step))[1]
    assert steady_growth(Window(history)) is None


def test_what_drives_all_weights_alike_is_a_penalty_of_the_wrong_sign() -> None:
    engine, _ = judge(90, chain(DEPTH), grown(lambda step: 4 * 1.03**step))
    finding = engine.findings[0]
    assert finding.symptom is Symptom.WEIGHTS_GROWING
    assert "grow by 3.0% a step" in finding.message
    assert finding.remedies[0].title == "Look at the sign of the penalty on the weights"
    decayed = grown(lambda step: 4 * 1.03**step, weight_decay=-0.3)
    first = judge(90, chain(DEPTH), decayed)[0].findings[0].remedies[0]
    assert first.title != "Look at the sign of the penalty on the weights"
