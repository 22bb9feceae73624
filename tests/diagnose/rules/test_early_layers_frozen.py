"""Layers near the input that hardly change."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.rules.early_layers_frozen import early_layers_frozen
from tests.support.frames import chain, found, frame, healthy, judge, moving

DEPTH = 6


def test_early_layers_that_hardly_move_are_named() -> None:
    moves = np.array([1e-7, 1e-6, 1e-3, 1e-3, 1e-3, 1e-3])
    engine, _ = judge(60, chain(DEPTH), lambda step: moving(DEPTH, moves, loss=2.0 * 0.98**step))
    assert found(engine) == {Symptom.EARLY_LAYERS_FROZEN}
    assert engine.findings[0].layers == ("fc0", "fc1")


def test_it_is_told_how_much_less_they_move() -> None:
    moves = np.array([1e-7, 1e-6, 1e-3, 1e-3, 1e-3, 1e-3])
    _, history = judge(60, chain(DEPTH), lambda step: moving(DEPTH, moves, loss=2.0 * 0.98**step))
    detection = early_layers_frozen(Window(history), None)
    assert detection is not None
    assert abs(detection.evidence["value"] - 1e-4) < 1e-9
    assert "move 10,000 times less than those of" in detection.message


def test_where_the_task_is_solved_nothing_is_left_to_move_for() -> None:
    moves = np.array([1e-7, 1e-6, 1e-3, 1e-3, 1e-3, 1e-3])
    solved = judge(60, chain(DEPTH), lambda step: moving(DEPTH, moves, loss=2.0 * 0.6**step))[0]
    assert solved.findings == []


def test_silent_on_a_quiet_layer_in_the_middle_and_on_tenfold_differences() -> None:
    moves = np.array([1e-4, 1e-3, 1e-8, 1e-3, 1e-3, 1e-3])
    assert (
        judge(60, chain(DEPTH), lambda step: moving(DEPTH, moves, loss=2.0 * 0.98**step))[
            0
        ].findings
        == []
    )


def test_a_bias_that_moves_is_no_layer_that_learns() -> None:
    head = np.array([1.0] * (DEPTH - 1) + [1000.0])
    figures = {**moving(DEPTH, 1e-3 * head), "matrix_change": np.full(DEPTH, 4e-3)}
    assert (
        judge(60, chain(DEPTH), lambda step: {**figures, "scalars": {"loss": 2.0 * 0.98**step}})[
            0
        ].findings
        == []
    )


def test_weights_that_have_since_become_larger_were_not_still_before() -> None:
    def figures(step: int) -> dict[str, Any]:
        # A change of a thousandth of what the weights were at the start, in every layer and step.
        size = np.array([400.0 if step >= 40 else 4.0] * 2 + [4.0] * (DEPTH - 2))
        change = np.array([4e-6 if step >= 40 else 4e-3] * 2 + [4e-3] * (DEPTH - 2))
        return healthy(DEPTH, matrix_norm=size, matrix_change=change, scalars={"loss": 2.0})

    _, history = judge(90, chain(DEPTH), figures)
    detection = early_layers_frozen(Window(history), None)
    assert detection is not None
    assert detection.first_step == 40


def test_it_is_over_a_few_frames_after_the_layers_have_begun_to_move_however_far_apart() -> None:
    still = np.array([0.0, 0.0, 1e-3, 1e-3, 1e-3, 1e-3])

    def figures(step: int) -> dict[str, Any]:
        return moving(DEPTH, 1e-3 if step >= 300 else still, loss=2.0 * 0.998**step)

    steps = [*range(60), *range(100, 1200, 100)]
    active = {}
    engine, history = judge(0, (), {})
    for step in steps:
        history.append(frame(step, chain(DEPTH), figures(step)))
        engine.update(history)
        active[step] = [one.symptom for one in engine.findings if one.active]
    assert active[200] == active[300] == [Symptom.EARLY_LAYERS_FROZEN]
    assert active[500] == []


def test_it_stays_where_the_layers_have_moved_in_a_single_frame() -> None:
    still = np.array([0.0, 0.0, 1e-3, 1e-3, 1e-3, 1e-3])

    def figures(step: int) -> dict[str, Any]:
        return moving(DEPTH, 1e-3 if step % 300 == 0 else still, loss=2.0 * 0.998**step)

    engine, _ = judge([*range(60), *range(100, 1200, 100)], chain(DEPTH), figures)
    assert [one.active for one in engine.findings] == [True]
