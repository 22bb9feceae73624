"""A statistic over depth, relative to the last layer."""

from __future__ import annotations

import numpy as np

from gradwidget.diagnose.evidence.depth_profile import profile_of
from gradwidget.diagnose.evidence.paths import Paths
from gradwidget.frame import LOSS

NAMES = [str(number) for number in range(7)]
CHAIN = Paths(NAMES, {})
PROFILE = profile_of("act_grad_rms", np.array([np.nan, 1e-6, 1e-5, np.nan, 0.0, 1e-2, 1.0]), CHAIN)


def test_each_layer_is_compared_with_the_last_one_that_its_output_reaches() -> None:
    towers = Paths(["a", "b", "c", "d"], {"a": ("b",), "b": (LOSS,), "c": ("d",), "d": (LOSS,)})
    found = profile_of("act_grad_rms", np.array([1e-6, 1.0, 2e-3, 1e-3]), towers)
    np.testing.assert_allclose(found.ratio, [1e-6, 1.0, 2.0, 1.0])
    assert found.ends.tolist() == [1, 1, 3, 3]


def test_of_several_ends_that_with_the_largest_gradient_counts() -> None:
    heads = Paths(["body", "one", "two"], {"body": ("one", "two"), "one": (LOSS,), "two": (LOSS,)})
    found = profile_of("act_grad_rms", np.array([1.0, 1e-3, 10.0]), heads)
    np.testing.assert_allclose(found.ratio, [0.1, 1.0, 1.0])


def test_a_layer_whose_way_to_the_loss_is_not_measured_is_unknown() -> None:
    chain = Paths(["a", "b"], {"a": ("b",), "b": (LOSS,)})
    assert np.isnan(profile_of("act_grad_rms", np.array([1.0, np.nan]), chain).ratio).all()


def test_a_layer_is_low_only_where_nothing_nearer_the_input_gets_more() -> None:
    bypassed = profile_of("act_grad_rms", np.array([1.0, 1e-8, np.nan, 1.0]), Paths(NAMES[:4], {}))
    np.testing.assert_equal(bypassed.highest_before, [1, 1, np.nan, 1])
    np.testing.assert_equal(PROFILE.highest_before[[1, 2, 4]], [1e-6, 1e-5, 1e-5])


def test_the_other_tower_is_not_nearer_the_input() -> None:
    towers = Paths(["a", "b", "c", "d"], {"a": ("c",), "b": ("d",), "c": (LOSS,), "d": (LOSS,)})
    found = profile_of("act_grad_rms", np.array([1.0, 1e-6, 1.0, 1.0]), towers)
    np.testing.assert_allclose(found.highest_before, [1.0, 1e-6, 1.0, 1.0])


def test_a_layer_is_high_only_where_nothing_nearer_the_input_gets_less() -> None:
    growing = profile_of("act_grad_rms", np.array([1e4, 0.0, 1e2, 1.0]), Paths(NAMES[:4], {}))
    np.testing.assert_equal(growing.lowest_before, [1e4, np.nan, 1e2, 1])


def test_the_steepest_place_is_between_the_neighbors_where_most_is_lost() -> None:
    near, far, factor = PROFILE.steepest(1, falling=True)
    assert (near, far) == (2, 5)
    assert np.isclose(factor, 1e3)
    alone = profile_of("act_grad_rms", np.array([np.nan, 1.0]), Paths(NAMES[:2], {}))
    assert alone.steepest(1, falling=True) == (1, 1, 1.0)


def test_what_each_layer_passes_on_is_the_same_factor_on_the_whole_way() -> None:
    chain = Paths(NAMES[:4], {})
    falling = profile_of("act_grad_rms", np.array([1e-6, 1e-4, np.nan, 1.0]), chain)
    assert falling.each(0) == "÷ 1,000 a layer", "two steps between three known layers"
    growing = profile_of("act_grad_rms", np.array([8.0, 4.0, 2.0, 1.0]), chain)
    assert growing.each(0) == "× 2 a layer"
    many = Paths([f"l{i}" for i in range(301)], {})
    slow = profile_of("act_grad_rms", 1.04 ** np.arange(300.0, -1, -1), many)
    assert slow.each(0) == "× 1.04 a layer"
