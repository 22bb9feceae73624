from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.rules.no_gradient import no_gradient
from gradwidget.frame import Wiring
from tests.support.frames import chain, frame, healthy, judge, only

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


@pytest.mark.parametrize(
    ("has_run", "words"),
    [(0.0, "has run them in none of the"), (1.0, "cut off on its way"), (np.nan, "depend")],
)
def test_it_tells_what_never_runs_from_what_is_cut_off(has_run: float, words: str) -> None:
    runs = np.array([has_run, 1.0, 1.0, 1.0])
    finding = only(judge(90, chain(DEPTH), {**without(0), "has_run": runs})[0])
    assert finding.layers == ("fc0",)
    assert words in finding.message


@pytest.mark.parametrize(
    ("unused", "words", "advice"),
    [
        (
            ("fc0.weight",),
            "does not depend on fc0.weight: it is never used, or only where no graph is recorded",
            "Use fc0.weight in forward() with a graph, or remove it",
        ),
        (("fc2.weight",), "cut off on its way", "Find where they are cut off"),
    ],
)
def test_it_tells_what_is_never_used_from_what_is_cut_off(
    unused: tuple[str, ...], words: str, advice: str
) -> None:
    figures = {**without(0), "has_run": np.ones(DEPTH), "wiring": Wiring(unused=unused)}
    finding = only(judge(30, chain(DEPTH), figures)[0])
    assert words in finding.message
    assert finding.remedies[0].title == advice


def test_what_never_runs_is_to_be_called() -> None:
    runs = np.array([0.0, 1.0, 1.0, 1.0])
    finding = only(judge(90, chain(DEPTH), {**without(0), "has_run": runs})[0])
    assert finding.remedies[0].title == "Call fc0 in forward(), or remove it"


def test_what_has_run_before_is_to_run_again() -> None:
    def figures(step: int) -> dict[str, Any]:
        runs = np.ones(DEPTH)
        runs[0] = step < 40
        return {**(without() if step < 40 else without(0)), "has_run": runs}

    finding = only(judge(90, chain(DEPTH), figures)[0])
    assert "run them in none of the 40 sampled steps since step 40" in finding.message
    assert finding.remedies[0].title == "See that forward() runs them again"
    assert "balances their load" in finding.remedies[0].why


def test_a_layer_that_always_runs_and_leads_nowhere_is_named_after_a_few_steps() -> None:
    runs = {**without(0), "has_run": np.ones(DEPTH)}
    assert only(judge(20, chain(DEPTH), runs)[0]).reported_step < 15


def test_it_takes_sixty_steps_or_twenty_after_a_gradient() -> None:
    def detected(steps: int, last_with: int | None) -> bool:
        def figures(step: int) -> dict[str, Any]:
            return without() if last_with is not None and step <= last_with else without(1)

        return no_gradient(Window(judge(steps, chain(DEPTH), figures)[1]), None) is not None

    assert [detected(59, None), detected(60, None)] == [False, True]
    assert [detected(50 + 19, 49), detected(50 + 20, 49)] == [False, True]


def test_a_layer_that_runs_and_had_a_gradient_in_every_step_is_cut_off_after_a_few() -> None:
    def reported(has_run: float, before: Sequence[int] = ()) -> int:
        def figures(step: int) -> dict[str, Any]:
            with_it = step < 60 and step not in before
            return {**(without() if with_it else without(1)), "has_run": np.full(DEPTH, has_run)}

        return only(judge(120, chain(DEPTH), figures)[0]).reported_step

    assert reported(1.0) < 60 + 15 < reported(np.nan)
    assert reported(1.0, before=[30, 31]) > 60 + 15


def rarely(step: int, every: int, *layers: int, decay: float = 1.0) -> dict[str, Any]:
    """A sampled step without these layers, which are trained once in so many steps between."""
    norms = np.full(DEPTH, 4.0)
    norms[list(layers)] *= (1 + 1e-3 * (step // every)) * decay**step
    return {
        **without(*layers),
        "has_run": 1 - without(*layers)["grad_is_none"],
        "weight_norm": norms,
    }


def in_bursts(last: int, burst: int = 5, apart: int = 40) -> list[int]:
    return [step for step in range(last) if step % apart < burst]


def test_silent_on_layers_that_are_trained_between_the_sampled_steps() -> None:
    steps = in_bursts(600)
    assert judge(steps, chain(DEPTH), lambda step: rarely(step, 45, 2))[0].findings == []


def test_layers_whose_weights_stay_as_they_are_between_them_are_named() -> None:
    finding = only(judge(in_bursts(600), chain(DEPTH), lambda step: rarely(step, 900, 2))[0])
    assert finding.layers == ("fc2",)
    assert "in none of the" in finding.message
    assert "since" not in finding.message


def test_a_decay_by_hand_is_no_training() -> None:
    decayed = judge(in_bursts(600), chain(DEPTH), lambda step: rarely(step, 45, 2, decay=0.9999))
    assert only(decayed[0]).layers == ("fc2",)


def test_they_are_said_to_be_left_out_only_since_their_weights_have_changed() -> None:
    finding = only(judge(in_bursts(600), chain(DEPTH), lambda step: rarely(step, 100, 2))[0])
    assert finding.first_step == 0
    later = judge(in_bursts(1200), chain(DEPTH), lambda step: rarely(min(step, 130), 45, 2))[0]
    assert only(later).first_step == 120
    assert "sampled steps since step 120" in only(later).message


def heads(*used: int) -> dict[str, Any]:
    missing = np.ones(DEPTH)
    missing[[0, *used]] = 0
    return healthy(DEPTH, grad_is_none=missing, has_run=1 - missing)


@pytest.mark.parametrize(("every", "is_said"), [(15, False), (5, True)])
def test_layers_drawn_rarely_are_compared_with_those_that_are_like_them(
    every: int, *, is_said: bool
) -> None:
    def figures(step: int) -> dict[str, Any]:
        return heads(1, *([2] if step % every == 0 else []))

    assert bool(judge(80, chain(DEPTH), figures)[0].findings) is is_said


def test_it_is_over_for_each_layer_as_soon_as_that_has_a_gradient() -> None:
    def figures(step: int) -> dict[str, Any]:
        return without(*range(1 + (step > 400) + 2 * (step > 700), DEPTH - 1))

    engine, history = judge(0, (), {})
    steps = [*range(90), *range(100, 1001, 100)]
    named = {}
    for step in steps:
        now = figures(step)
        history.append(frame(step, chain(DEPTH), now))
        engine.update(history)
        named[step] = [one.layers for one in engine.findings if one.active]
    assert named[400] == [("fc1", "fc2")]
    assert named[500] == [("fc2",)]
    assert named[800] == []


def in_turns(step: int, *, optimizers: int = 2, every: int = 2) -> dict[str, Any]:
    """fc0 and fc1 make what fc2 and fc3 judge; their own turns reach only the judge."""
    is_own = step % every == 0
    known = np.array([is_own, is_own, not is_own, not is_own])
    missing = np.where(known, [1.0, 1.0, 0.0, 0.0], np.nan)
    runs = np.array([0.0, 0.0, 1.0, 1.0] if is_own else [1.0] * 4)
    wiring = Wiring(optimizers=("Adam",) * optimizers)
    figures = healthy(DEPTH, grad_is_none=missing, has_run=runs, wiring=wiring)
    return figures | {"measured": {"grad_is_none": known, "weight_norm": known}}


def test_a_player_whose_turns_never_reach_it_is_named_soon_and_sends_one_to_the_loop() -> None:
    finding = only(judge(24, chain(DEPTH), in_turns)[0])
    assert finding.layers == ("fc0", "fc1")
    assert finding.reported_step <= 22
    assert "cut off on its way" in finding.message
    assert "Look in the loop" in finding.remedies[0].why
    assert "D(fake.detach())" in finding.remedies[0].why


def test_a_player_that_gets_a_gradient_in_some_of_its_turns_is_waited_for() -> None:
    def figures(step: int) -> dict[str, Any]:
        found = in_turns(step)
        if step % 8 == 0:
            found["grad_is_none"] = np.where(np.isnan(found["grad_is_none"]), np.nan, 0.0)
        return found

    assert judge(50, chain(DEPTH), figures)[0].findings == []


def test_parts_that_are_not_measured_are_no_turns_of_a_single_optimizer() -> None:
    def figures(step: int) -> dict[str, Any]:
        return in_turns(step, optimizers=1)

    assert judge(40, chain(DEPTH), figures)[0].findings == []


def test_a_part_of_a_player_is_cut_off_in_its_forward() -> None:
    def figures(step: int) -> dict[str, Any]:
        found = in_turns(step)
        found["grad_is_none"] = found["grad_is_none"] * np.array([1.0, 0.0, 1.0, 1.0])
        return found

    finding = only(judge(150, chain(DEPTH), figures)[0])
    assert finding.layers == ("fc0",)
    assert finding.remedies[0].why.startswith("Look in forward() after fc0")
