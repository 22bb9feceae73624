"""How far a step rotates the weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradwidget.diagnose.evidence.weight_rotation import rotations
from gradwidget.diagnose.evidence.window import Window
from gradwidget.frame import Layer
from tests.support.frames import chain, healthy, judge


def test_a_change_is_relative_to_the_norm_of_the_weights() -> None:
    figures = healthy(3, matrix_change=np.full(3, 0.4))  # their norm is 4
    _, history = judge(5, chain(3), figures)
    assert rotations(Window(history), 5).tolist() == pytest.approx([0.1] * 5)


def test_what_only_changed_the_norm_is_no_rotation() -> None:
    def decays(step: int) -> dict[str, Any]:
        # Each step shrinks the weights by a tenth and does nothing else.
        norm = 4.0 * 0.9**step
        return healthy(3, matrix_norm=np.full(3, norm), matrix_change=np.full(3, 0.1 * norm))

    _, history = judge(5, chain(3), decays)
    *before, newest = rotations(Window(history), 5).tolist()
    assert before == pytest.approx([0.0] * 4, abs=1e-3)
    assert newest > 0.05  # the norm after it is not known yet


def test_nor_is_it_where_frames_are_far_apart() -> None:
    def grows(step: int) -> dict[str, Any]:
        norm = 4.0 * 1.02**step
        return healthy(3, matrix_norm=np.full(3, norm), matrix_change=np.full(3, 0.02 * norm))

    _, history = judge(range(0, 50, 5), chain(3), grows)
    # The growth from frame to frame is taken to be even.
    assert max(rotations(Window(history), 10)[:-1]) < 0.01


def test_one_head_that_moves_a_lot_does_not_decide_it() -> None:
    figures = healthy(5, matrix_change=np.array([0.4, 0.4, 0.4, 0.4, 400.0]))
    _, history = judge(3, chain(5), figures)
    assert rotations(Window(history), 3).tolist() == pytest.approx([0.1] * 3)


def test_without_matrices_there_is_none() -> None:
    layers = [Layer(f"norm{i}", "LayerNorm", {"weight": (8,)}) for i in range(3)]
    _, history = judge(4, layers, healthy(3))
    assert np.isnan(rotations(Window(history), 4)).all()


def test_the_newest_steps_can_be_left_out() -> None:
    drawn = np.random.default_rng(0)

    def changes(_: int) -> dict[str, Any]:
        return healthy(3, matrix_norm=drawn.uniform(1, 2, 3), matrix_change=drawn.uniform(1, 2, 3))

    _, history = judge(6, chain(3), changes)
    window = Window(history)
    for leaving in range(6):
        every, older = rotations(window, 6), rotations(window, 6, leaving=leaving)
        assert older.tolist() == every[: 6 - leaving].tolist()
