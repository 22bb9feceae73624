"""The bounds of the rules that can be drawn beside a statistic, to show how far a layer is off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gradwidget.diagnose.summary.layer_state import LayerState
from gradwidget.diagnose.thresholds import Thresholds
from gradwidget.wording import shown


@dataclass(frozen=True, slots=True)
class Bound:
    """Where a rule draws the line for one metric.

    A rule requires more than this one value (that it lasts, that a norm layer does not compensate),
    so a layer past a bound is not yet a finding.
    """

    value: float
    """In the unit of the metric, or times the value of the last layer."""

    of: Literal["itself", "last layer"]
    state: str
    """The layer state that begins there; ``general`` where none does."""

    means: str
    """What it means to be past it, in words."""


def bounds_of(metric: str, limits: Thresholds) -> tuple[Bound, ...]:
    """The bounds that rules have on a metric; empty for most metrics.

    Example:
        >>> [bound.means for bound in bounds_of("act_dead_fraction", Thresholds())]
        ['dead above 93%']
    """
    if metric in ("act_grad_rms", "act_grad_norm"):
        low, high = limits.vanishing_ratio, limits.exploding_ratio
        vanishing = f"vanishing below {shown(low)} of the last layer's"
        exploding = f"exploding above {shown(high)} times the last layer's"
        return (
            Bound(low, "last layer", LayerState.VANISHING, vanishing),
            Bound(high, "last layer", LayerState.EXPLODING, exploding),
        )
    if metric == "update_ratio":
        low, high = limits.update_low, limits.update_high
        return (
            Bound(low, "itself", "general", f"hardly learning below {_percent(low)} per step"),
            Bound(high, "itself", "general", f"weights replaced above {_percent(high)} per step"),
        )
    if metric == "act_dead_fraction":
        share = limits.dead_share
        return (Bound(share, "itself", LayerState.DEAD, f"dead above {_percent(share)}"),)
    if metric == "act_saturated_fraction":
        share = limits.saturated_share
        return (Bound(share, "itself", LayerState.SATURATED, f"saturated above {_percent(share)}"),)
    return ()


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"
