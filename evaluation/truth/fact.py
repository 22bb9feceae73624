"""What is true of one symptom in one run, and how a series of values decides it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Answer = Literal["yes", "no", "either"]

Floats = NDArray[np.float64]

SUSTAINED = 20
"""Steps whose median a value is that is meant to last."""


@dataclass(frozen=True)
class Fact:
    """One symptom in one run."""

    answer: Answer
    """Whether the run has it; either where the value is between the two bounds."""
    value: float
    """The value that decides."""
    layers: tuple[str, ...] = ()
    """Layers it may be said of, the worst first: those that are not short of the second bound."""
    onset: int = 0
    """The first step at which the value was past the first bound; 0 when it never was."""


NO = Fact("no", math.nan)


@dataclass(frozen=True)
class Series:
    """A value by step and layer in which small is bad; an explosion is turned around."""

    layers: tuple[str, ...]
    values: Floats
    """[steps, layers]"""


def either_of(one: Fact, other: Fact) -> Fact:
    """A symptom with two definitions: the one that says yes, else the one less sure of no."""
    order: dict[Answer, int] = {"yes": 0, "either": 1, "no": 2}
    if one.answer == other.answer == "yes":
        layers = one.layers + tuple(name for name in other.layers if name not in one.layers)
        return Fact("yes", one.value, layers, min(one.onset, other.onset))
    return min(one, other, key=lambda fact: order[fact.answer])


def lowest(series: Series, yes: float, no: float, least: int = 1) -> Fact:
    """Has it when the value of some layer falls to ``yes``; has it not when none falls to ``no``.

    The value is the median of ``least`` steps.
    """
    if not series.layers:
        return NO
    medians = _rolling_median(series.values, least)
    medians = np.where(np.isnan(medians), np.inf, medians)
    lowest = medians.min(axis=0)
    near = tuple(series.layers[i] for i in np.argsort(lowest, kind="stable") if lowest[i] < no)
    value = float(lowest.min())
    past = medians <= yes
    if not past.any():
        return Fact("either" if near else "no", value, near)
    end = int(np.flatnonzero(past.any(1))[0])
    layer = int(np.flatnonzero(past[end])[0])
    beginning = max(0, end - least + 1)
    onset = beginning + int(np.flatnonzero(series.values[beginning : end + 1, layer] <= yes)[0])
    return Fact("yes", value, near, onset)


def _rolling_median(values: Floats, width: int) -> Floats:
    """[steps, layers]: the median of each step and the ``width`` - 1 before it.

    NaN before more than half of them are there.
    """
    if width == 1:
        return values
    padded = np.concatenate([np.full((width - 1, values.shape[1]), np.nan), values])
    ordered = np.sort(sliding_window_view(padded, width, axis=0), axis=-1)  # NaN sorts last
    count = np.sum(~np.isnan(ordered), axis=-1)
    middle = np.take_along_axis(ordered, np.maximum(count - 1, 0)[..., None] // 2, -1)[..., 0]
    result = np.where(count * 2 > width, middle, np.nan)
    result[: width - 1] = np.nan
    return result


def table(moments: Iterable[dict[str, float]], names: Iterable[str]) -> Floats:
    names = list(names)
    return np.array(
        [[moment.get(name, math.nan) for name in names] for moment in moments], np.float64
    )


def layer_of(parameter: str) -> str:
    """Name of the module that owns the parameter."""
    return parameter.rpartition(".")[0] or "(root)"


def by_layer(names: list[str], values: Floats) -> Series:
    """The values of parameters as those of layers: a layer has it when all its parameters have."""
    layers = list(dict.fromkeys(layer_of(name) for name in names))
    columns = [[i for i, name in enumerate(names) if layer_of(name) == layer] for layer in layers]
    return Series(
        tuple(layers), np.stack([np.fmax.reduce(values[:, part], axis=1) for part in columns], 1)
    )
