"""The bounds of the rules that can be drawn beside a layer's figure, so that a reader sees how far
it is from one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gradwidget.diagnose.summary.layer_state import LayerState
from gradwidget.diagnose.thresholds import Thresholds
from gradwidget.wording import figure


@dataclass(frozen=True, slots=True)
class Bound:
    """Where a rule draws the line for one metric.

    A rule asks more than this one figure (that it lasts, that no norm layer mends it), so a layer
    beyond a bound is not yet a finding.
    """

    value: float
    """In the metric's unit, or times the figure of the last layer."""

    of: Literal["itself", "last layer"]
    state: str
    """The layer state that begins there; ``general`` where none does."""

    means: str
    """What lies beyond it, in words."""


def bounds_of(metric: str, limits: Thresholds) -> tuple[Bound, ...]:
    """The bounds that rules have on a metric, empty for most.

    Example:
        >>> [bound.means for bound in bounds_of("act_dead_fraction", Thresholds())]
        ['dead above 93 %']
    """
    if metric in ("act_grad_rms", "act_grad_norm"):
        low, high = limits.vanishing_ratio, limits.exploding_ratio
        return (
            Bound(
                low,
                "last layer",
                LayerState.VANISHING,
                f"vanishing below {figure(low)} of the last layer's",
            ),
            Bound(
                high,
                "last layer",
                LayerState.EXPLODING,
                f"exploding above {figure(high)} times the last layer's",
            ),
        )
    if metric == "update_ratio":
        low, high = limits.update_low, limits.update_high
        return (
            Bound(
                low,
                "itself",
                "general",
                f"hardly learning below {low:.2%} a step".replace("%", " %"),
            ),
            Bound(
                high,
                "itself",
                "general",
                f"weights replaced above {high:.0%} a step".replace("%", " %"),
            ),
        )
    if metric == "act_dead_fraction":
        share = limits.dead_share
        return (
            Bound(share, "itself", LayerState.DEAD, f"dead above {share:.0%}".replace("%", " %")),
        )
    if metric == "act_saturated_fraction":
        share = limits.saturated_share
        return (
            Bound(share, "itself", "general", f"saturated above {share:.0%}".replace("%", " %")),
        )
    return ()
