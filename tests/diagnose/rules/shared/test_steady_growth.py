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


def test_too_few_frames_and_a_single_layer_show_none() -> None:
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
