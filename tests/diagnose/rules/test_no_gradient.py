from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.rules.no_gradient import no_gradient
from tests.support.frames import chain, healthy, judge, only

DEPTH = 4


def without(*layers: int) -> dict[str, Any]:
    missing = np.zeros(DEPTH)
    missing[list(layers)] = 1
    return healthy(DEPTH, grad_is_none=missing)


def test_a_layer_that_never_gets_a_gradient_is_named_after_sixty_steps() -> None:
    finding = only(judge(150, chain(DEPTH), without(1))[0])
    assert finding.symptom is Symptom.NO_GRADIENT
    assert finding.layers == ("fc1",)
    assert finding.first_step == 0
    assert 59 <= finding.reported_step <= 63


def test_begins_when_the_layer_was_cut_off() -> None:
    finding = only(
        judge(200, chain(DEPTH), lambda step: without(2) if step >= 60 else without())[0]
    )
    assert finding.first_step == 60


def test_silent_on_a_head_used_now_and_then() -> None:
    assert (
        judge(400, chain(DEPTH), lambda step: without() if step % 40 == 0 else without(3))[
            0
        ].findings
        == []
    )


def test_silent_on_layers_that_are_frozen() -> None:
    layers = [replace(layer, trainable=layer.name != "fc0") for layer in chain(DEPTH)]
    assert judge(150, layers, without(0))[0].findings == []


def test_a_layer_in_no_optimizer_is_named() -> None:
    mine = np.arange(DEPTH) != 3
    figures = healthy(DEPTH)
    seen = {
        name: np.where(mine, figures[name], np.nan)
        for name in ("grad_norm", "grad_rms", "grad_is_none")
    }
    finding = only(
        judge(90, chain(DEPTH), {**figures, **seen, "measured": dict.fromkeys(seen, mine)})[0]
    )
    assert finding.symptom is Symptom.NO_GRADIENT
    assert finding.layers == ("fc3",)
    assert "no optimizer" in finding.message


def test_it_takes_sixty_steps_or_twenty_after_a_gradient() -> None:
    def detected(steps: int, last_with: int | None) -> bool:
        def figures(step: int) -> dict[str, Any]:
            return without() if last_with is not None and step <= last_with else without(1)

        return no_gradient(Window(judge(steps, chain(DEPTH), figures)[1]), None) is not None

    assert [detected(59, None), detected(60, None)] == [False, True]
    assert [detected(50 + 19, 49), detected(50 + 20, 49)] == [False, True]
