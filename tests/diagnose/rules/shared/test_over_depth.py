"""How layers are compared over depth."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.rules.shared.over_depth import past_bound, profile, ratios_over_time
from tests.support.frames import chain, healthy, judge

SHARE = np.array([1e-5, 1e-3, 1e-1, 1.0])


def window_of(**changes: Any) -> Window:
    return Window(judge(12, chain(4), healthy(4, **changes))[1])


def test_the_profile_is_relative_to_the_last_layer_that_has_a_gradient() -> None:
    found = profile(
        window_of(act_grad_rms=np.array([0.1, 0.2, 0.4, 0.0])), "act_grad_rms", final=False
    )
    assert found is not None
    assert found.ends.tolist() == [2, 2, 2, 2]
    np.testing.assert_allclose(found.ratio, [0.25, 0.5, 1.0, 0.0], rtol=1e-6)


def test_two_layers_are_no_profile() -> None:
    two = np.array([0.1, 0.2, np.nan, np.nan])
    assert profile(window_of(act_grad_rms=two), "act_grad_rms", final=False) is None


def test_a_decay_must_show_per_element_and_as_a_whole() -> None:
    both = past_bound(window_of(act_grad_rms=SHARE, act_grad_norm=SHARE), falling=True)
    assert both is not None
    found, bound, past = both
    assert (found.metric, bound, past.tolist()) == (
        "act_grad_rms",
        3e-3,
        [True, True, False, False],
    )
    assert past_bound(window_of(act_grad_rms=SHARE), falling=True) is None


def test_weight_gradients_are_the_second_choice_with_a_bound_of_their_own() -> None:
    unknown = dict.fromkeys(("act_grad_rms", "act_grad_norm"), np.full(4, np.nan))
    past = past_bound(window_of(grad_rms=SHARE, **unknown), falling=True)
    assert past is not None
    assert (past[0].metric, past[1], past[2].tolist()) == ("grad_rms", 1e-4, [True, *[False] * 3])


def test_ratios_over_time_come_newest_first() -> None:
    def figures(step: int) -> dict[str, Any]:
        values = np.array([step + 1.0, 1.0, 1.0, 2.0])
        return healthy(4, act_grad_rms=values, act_grad_norm=values)

    window = Window(judge(5, chain(4), figures)[1])
    found = profile(window, "act_grad_rms", final=False)
    assert found is not None
    ratios, steps = ratios_over_time(window, found, 0, falling=True)
    assert (ratios.tolist(), steps) == ([2.5, 2.0, 1.5, 1.0, 0.5], [4, 3, 2, 1, 0])


def test_ratios_over_time_are_those_of_the_measure_that_shows_less() -> None:
    figures = healthy(
        4, act_grad_rms=np.array([0.125, 1, 1, 1]), act_grad_norm=np.array([0.5, 1, 1, 1])
    )
    window = Window(judge(5, chain(4), figures)[1])
    found = profile(window, "act_grad_rms", final=False)
    assert found is not None
    shown = [ratios_over_time(window, found, 0, falling=falling)[0] for falling in (True, False)]
    assert [ratios.tolist() for ratios in shown] == [[0.5] * 5, [0.125] * 5]
