"""A statistic of each layer against one bound; shared by the rules that ask no more than that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gradwidget.diagnose.evidence.paths import Floats
from gradwidget.diagnose.evidence.window import Window, holding_since
from gradwidget.diagnose.finding import Detection
from gradwidget.frame import BoolArray
from gradwidget.wording import names


@dataclass(frozen=True, slots=True)
class Level:
    """A statistic of each layer, and the bound that it must not pass."""

    metric: str
    """Name of the statistic."""

    now: Floats
    """float64 [layers]: its present value."""

    unit: Floats | float
    """float64 [layers]: what it is divided by, such as its initial value; 1 for nothing."""

    bound: float
    above: bool
    """Whether a value above the bound has the symptom, or one below it."""

    def passed(self, value: Floats) -> BoolArray:
        """Where the value is on the wrong side of the bound."""
        with np.errstate(invalid="ignore"):
            return value > self.bound if self.above else value < self.bound


def beyond(
    window: Window,
    level: Level,
    among: BoolArray,
    message: Callable[[str, float], str],
    caveat: str,
) -> Detection | None:
    """A detection of the layers that have passed the bound, the worst first; None where none has.

    Args:
        window: the newest frames.
        level: the statistic and its bound.
        among: bool [layers]: the layers to consider.
        message: from the layers in words and the value of the worst one to the sentence to say.
        caveat: what could make it a false alarm.
    """
    # The layers past the bound, the worst first.
    with np.errstate(invalid="ignore", divide="ignore"):
        value = level.now / level.unit
    affected = np.flatnonzero(level.passed(value) & among)
    if not affected.size:
        return None
    order = np.argsort(-value[affected] if level.above else value[affected], kind="stable")
    affected = affected[order]
    # Since when the worst one has been past it.
    worst = int(affected[0])
    values, steps = window.series(level.metric, worst)
    layers = tuple(window.layers[i].name for i in affected)
    return Detection(
        severity="warning",
        message=message(names(layers), float(value[worst])),
        layers=layers,
        first_step=holding_since(
            steps, level.passed(values / np.broadcast_to(level.unit, value.shape)[worst])
        ),
        evidence={
            "value": float(value[worst]),
            "bound": level.bound,
            "window": float(window.limits.window),
        },
        caveat=caveat,
    )
