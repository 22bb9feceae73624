"""Fixed-threshold rules of two earlier tools, in our words, fed with what was measured.

Both are given the best of conditions: every step, gradients unscaled and before clipping. A tool is
credited with a symptom wherever its alarm can fairly be read as that one.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from evaluation.truth.measured import Moment, Parameter

Alarms = dict[str, int]
"""The first step of an alarm by symptom."""

WINDOW = 20
"""Steps that gradient-flow's ``analyze`` reads in one go."""


def gradient_flow(moments: list[Moment]) -> Alarms:
    """gradient-flow (andrewjc/GradientFlow, analyzers/gradient_flow.py): absolute bounds.

    They are read on one window of steps at a time.

    Mean magnitude below 1e-6 vanishes, a largest entry above 10 explodes, more than 90 % of zeros
    are dead.
    """
    alarms: Alarms = {}
    for step in range(WINDOW - 1, len(moments), WINDOW):
        window = moments[step - WINDOW + 1 : step + 1]
        for name in window[0].parameters:
            seen = [m.parameters[name] for m in window if m.parameters[name].has_gradient]
            if not seen:
                continue
            mean = sum(p.gradient_mean for p in seen) / len(seen)
            if 0 < mean < 1e-6:
                alarms.setdefault("vanishing_gradients", step)
            if max(p.gradient_max for p in seen) > 10:
                alarms.setdefault("exploding_gradients", step)
            if sum(p.gradient_zeros for p in seen) / len(seen) > 0.9:
                alarms.setdefault("dead_relu", step)
            if not math.isfinite(mean):
                alarms.setdefault("gradients_nonfinite", step)
    return alarms


def _any_parameter(test: Callable[[Parameter], bool]) -> Callable[[list[Moment]], bool]:
    return lambda past: any(test(parameter) for parameter in past[-1].parameters.values())


def _no_decrease(past: list[Moment]) -> bool:
    """The loss is no lower than ten steps ago."""
    return len(past) > 10 and not past[-1].loss < past[-11].loss


_SAGEMAKER: dict[str, Callable[[list[Moment]], bool]] = {
    "vanishing_gradients": _any_parameter(lambda p: p.has_gradient and p.gradient_mean < 1e-7),
    "gradients_nonfinite": _any_parameter(lambda p: p.gradient_nonfinite > 0),
    "weights_nonfinite": _any_parameter(lambda p: p.nonfinite > 0),
    "weights_zero": _any_parameter(lambda p: p.norm == 0),
    "lr_too_high": _any_parameter(lambda p: p.update_ratio > 10),
    "lr_too_low": _any_parameter(lambda p: p.update_ratio < 1e-8),
    "dead_relu": lambda past: any(share > 0.5 for share in past[-1].dead.values()),
    "saturated": lambda past: any(share > 0.5 for share in past[-1].no_slope.values()),
    "loss_nonfinite": lambda past: not math.isfinite(past[-1].loss),
    "plateau": _no_decrease,
}


def sagemaker(moments: list[Moment]) -> Alarms:
    """Built-in rules of SageMaker Debugger with the defaults that its guide gives.

    VanishingGradient (mean magnitude below 1e-7), ExplodingTensor (NaN or Inf), AllZero,
    WeightUpdateRatio (outside 1e-8 to 10), DeadRelu and SaturatedActivation (half of a layer),
    LossNotDecreasing (ten steps).
    """
    alarms: Alarms = {}
    for step in range(len(moments)):
        for symptom, rule in _SAGEMAKER.items():
            if symptom not in alarms and rule(moments[max(0, step - 10) : step + 1]):
                alarms[symptom] = step
    return alarms


TOOLS: dict[str, Callable[[list[Moment]], Alarms]] = {
    "gradient-flow": gradient_flow,
    "SageMaker": sagemaker,
}
