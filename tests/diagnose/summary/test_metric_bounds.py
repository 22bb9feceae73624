"""The bounds that are drawn are those that the rules use."""

from __future__ import annotations

from gradwidget.diagnose.summary.metric_bounds import bounds_of
from gradwidget.diagnose.thresholds import DEFAULT, Thresholds
from gradwidget.metrics import METRICS


def test_a_changed_threshold_moves_its_bound() -> None:
    (bound,) = bounds_of("act_dead_fraction", Thresholds(dead_share=0.5))
    assert (bound.value, bound.means) == (0.5, "dead above 50%")


def test_the_profile_over_depth_is_bounded_on_both_sides_relative_to_the_last_layer() -> None:
    low, high = bounds_of("act_grad_rms", DEFAULT)
    assert (low.value, high.value) == (DEFAULT.vanishing_ratio, DEFAULT.exploding_ratio)
    assert {low.of, high.of} == {"last layer"}
    assert (low.state, high.state) == ("vanishing", "exploding")


def test_metrics_that_no_rule_bounds_by_themselves_have_none() -> None:
    bounded = {name for name in METRICS if bounds_of(name, DEFAULT)}
    assert bounded == {
        "act_grad_rms",
        "act_grad_norm",
        "update_ratio",
        "act_dead_fraction",
        "act_saturated_fraction",
    }
