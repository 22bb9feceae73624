"""What the rules share that compare one figure of each layer with one bound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gradwidget.diagnose.evidence.depth_profile import Floats
from gradwidget.diagnose.evidence.window import Window, holding_since
from gradwidget.diagnose.finding import Detection
from gradwidget.frame import BoolArray
from gradwidget.wording import names


@dataclass(frozen=True, slots=True)
class Level:
    """A figure of each layer, and the bound it must not pass."""

    metric: str
    """The statistic it is made of."""

    now: Floats
    """float64 [layers]: the statistic as it stands."""

    unit: Floats | float
    """float64 [layers]: what it is measured in, such as its own start; 1 where it stands for
    itself."""

    bound: float
    above: bool
    """Whether the symptom lies above the bound, or below it."""

    def passed(self, value: Floats) -> BoolArray:
        """Where the value lies on the wrong side of the bound."""
        with np.errstate(invalid="ignore"):
            return value > self.bound if self.above else value < self.bound


def beyond(
    window: Window,
    level: Level,
    among: BoolArray,
    message: Callable[[str, float], str],
    caveat: str,
) -> Detection | None:
    """A detection of the layers whose figure has passed its bound, the worst first; None where
    there are none.

    Args:
        window: the newest frames.
        level: what to look at.
        among: bool [layers]: the layers that it can be said of.
        message: given the layers in words and the figure of the worst one, the sentence to say.
        caveat: what could make it a false alarm.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        value = level.now / level.unit
    affected = np.flatnonzero(level.passed(value) & among)
    if not affected.size:
        return None
    order = np.argsort(-value[affected] if level.above else value[affected], kind="stable")
    affected = affected[order]
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
