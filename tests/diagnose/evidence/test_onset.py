"""How a symptom came about, from the frames around its onset."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

from gradwidget.diagnose.evidence.onset import Onset
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection
from tests.support.frames import chain, healthy, judge, moving

DEPTH = 4


def onset(
    figures: Callable[[int], dict[str, Any]] | dict[str, Any],
    steps: int | Iterable[int] = 30,
    first_step: int = 20,
) -> Onset:
    """Of a symptom of fc1 and fc2."""
    history = judge(steps, chain(DEPTH), figures)[1]
    detection = Detection("warning", "", ("fc2", "fc1"), first_step, {}, "")
    return Onset(detection, Window(history))


def test_the_layers_concerned_come_input_first() -> None:
    assert [layer.name for layer in onset(healthy(DEPTH)).named] == ["fc1", "fc2"]


def test_what_was_there_in_the_first_frame_was_there_from_the_start() -> None:
    assert onset(healthy(DEPTH), first_step=0).is_start
    assert not onset(healthy(DEPTH)).is_start


def growing(factor: float, since: int) -> Callable[[int], dict[str, Any]]:
    def figures(step: int) -> dict[str, Any]:
        norm = np.full(DEPTH, 4.0)
        norm[2] *= factor ** max(0, step - since + 1)
        return healthy(DEPTH, matrix_norm=norm)

    return figures


@pytest.mark.parametrize("steps", [range(24), [*range(10), 21, 22, 23]])
def test_a_leap_gives_the_norm_of_before_however_far_apart_the_frames(steps: list[int]) -> None:
    found = onset(growing(30.0, 20), steps).norms_before_leap
    assert set(found) == {"fc2"}
    # Of several leaps the newest.
    assert found["fc2"] == pytest.approx(4.0 * 30.0**3)


def test_what_large_steps_have_multiplied_did_not_leap() -> None:
    def figures(step: int) -> dict[str, Any]:
        return {**growing(30.0, 20)(step), "matrix_change": np.full(DEPTH, 40.0)}

    assert onset(figures, range(24)).norms_before_leap == {}


def test_a_few_percent_a_step_are_no_leap_even_where_frames_are_far_apart() -> None:
    assert onset(growing(1.05, 0), range(0, 200, 40)).norms_before_leap == {}


def test_a_step_that_moved_weights_far_is_one_near_the_onset() -> None:
    def one_at(place: int) -> Callable[[int], dict[str, Any]]:
        return lambda step: moving(DEPTH, 0.3 if step == place else 1e-3)

    assert onset(one_at(19)).is_after_large_steps
    assert not onset(one_at(5)).is_after_large_steps


def test_biases_outweigh_what_comes_in_where_most_of_the_norm_is_theirs() -> None:
    weights = np.full(DEPTH, 4.0)
    for norm, outweighs in ((4.1, False), (40.0, True)):
        figures = healthy(DEPTH, matrix_norm=weights, weight_norm=np.full(DEPTH, norm))
        assert onset(figures).is_of_biases == outweighs


def test_without_a_norm_of_the_matrices_nothing_is_said_of_biases() -> None:
    figures = healthy(DEPTH)
    del figures["matrix_norm"]
    assert not onset(figures).is_of_biases


def test_a_lower_rate_shows_in_how_far_a_layer_moves_for_its_gradient() -> None:
    changes = np.array([1e-2, 1e-6, 1e-6, 1e-2])
    for norms, is_rate in ((np.full(DEPTH, 1.0), True), (changes, False)):
        figures = healthy(DEPTH, matrix_change=changes, grad_norm=norms)
        assert onset(figures).is_of_rates == is_rate


def test_a_layer_that_grows_up_to_its_scale_did_not_leap() -> None:
    def figures(step: int) -> dict[str, Any]:
        # Sixteen rows: a norm of four is usual.
        return healthy(DEPTH, matrix_norm=np.full(DEPTH, 0.08 if step < 10 else 4.0))

    assert onset(figures).norms_before_leap == {}
