"""The statistics of a layer: their names, titles, units and natural scales, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """One statistic of a layer."""

    name: str
    """Key in ``Frame.metrics`` and ``History``."""

    title: str
    """What a person reads on the axis."""

    scale: Literal["log", "share", "count", "flag"]
    """How it is drawn: on a log axis, as a share of 1, as a count, or as yes or no."""


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("grad_rms", "gradient RMS", "log"),
        Metric("grad_norm", "gradient norm", "log"),
        Metric("grad_mean_abs", "gradient mean |g|", "log"),
        Metric("grad_max_abs", "gradient max |g|", "log"),
        Metric("grad_zero_fraction", "share of gradient entries that are 0", "share"),
        Metric("grad_nonfinite", "NaN or Inf gradient entries", "count"),
        Metric("grad_is_none", "no gradient", "flag"),
        Metric("raw_grad_norm", "gradient norm before clipping", "log"),
        Metric("weight_norm", "weight norm", "log"),
        Metric("matrix_norm", "norm of the weight matrices", "log"),
        Metric("weight_max_abs", "weight max |w|", "log"),
        Metric("weight_nonfinite", "NaN or Inf weights", "count"),
        Metric("update_ratio", "update ratio", "log"),
        Metric("matrix_change", "change of the weight matrices", "log"),
        Metric("unit_difference", "difference between units' weights", "log"),
        Metric("updates_lost_fraction", "share of updates lost to rounding", "share"),
        Metric("optimized_fraction", "share of parameters that an optimizer holds", "share"),
        Metric("has_run", "ran in this step", "flag"),
        Metric("act_rms", "activation RMS", "log"),
        Metric("act_zero_fraction", "share of activations that are 0", "share"),
        Metric("act_dead_fraction", "share of dead units", "share"),
        Metric("act_saturated_fraction", "share of saturated activations", "share"),
        Metric("input_spread", "spread of inputs over the batch", "share"),
        Metric("act_nonfinite", "NaN or Inf activations", "count"),
        Metric("act_grad_rms", "activation gradient RMS", "log"),
        Metric("act_grad_norm", "activation gradient norm", "log"),
        Metric("act_grad_zero_fraction", "share of activation gradients that are 0", "share"),
    )
}
"""Every per-layer statistic by its name, in the order in which a menu lists them."""
