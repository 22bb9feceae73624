"""A statistic over depth, relative to the last layer."""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.depth_profile import DepthProfile

PROFILE = DepthProfile("act_grad_rms", np.array([np.nan, 1e-6, 1e-5, np.nan, 0.0, 1e-2, 1.0]), 6)


def test_the_first_layer_is_the_first_that_is_known() -> None:
    assert PROFILE.first == 1


def test_a_layer_is_low_only_where_nothing_nearer_the_input_gets_more() -> None:
    bypassed = DepthProfile("act_grad_rms", np.array([1.0, 1e-8, np.nan, 1.0]), 3)
    np.testing.assert_equal(bypassed.highest_before, [1, 1, np.nan, 1])
    np.testing.assert_equal(PROFILE.highest_before[[1, 2, 4]], [1e-6, 1e-5, 1e-5])


def test_a_layer_is_high_only_where_nothing_nearer_the_input_gets_less() -> None:
    growing = DepthProfile("act_grad_rms", np.array([1e4, 0.0, 1e2, 1.0]), 3)
    np.testing.assert_equal(growing.lowest_before, [1e4, np.nan, 1e2, 1])


def test_the_steepest_part_is_between_the_neighbors_with_the_largest_factor() -> None:
    near, far, factor = PROFILE.steepest(falling=True)
    assert (near, far) == (2, 5)
    assert abs(factor / 1e3 - 1) < 1e-9
    alone = DepthProfile("act_grad_rms", np.array([np.nan, 1.0]), 1)
    assert alone.steepest(falling=True) == (1, 1, 1.0)
