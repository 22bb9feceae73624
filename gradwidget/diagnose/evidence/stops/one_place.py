"""The two neighboring layers between which the gradient is lost, or grows, and nowhere else.

No layer does that by itself, but for weights that are far from their usual size: what lies between
the two is an operation of ``forward``, as a softmax of large numbers, a clamp or a factor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradwidget.diagnose.evidence.depth_profile import profile_of
from gradwidget.diagnose.evidence.paths import Floats
from gradwidget.diagnose.evidence.weight_size import relative_size
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.frame import Layer

METRICS = ("act_grad_rms", "act_grad_norm")
"""The gradient at the output of a layer, per element and as a whole: the milder of both counts."""

STEEP = 100.0
"""Factor between two neighbors that no layer takes: a quarter is the slope of a sigmoid, and a
norm layer or a narrow one takes a few times that."""

MOST_OF_IT = 0.6
"""Part of what the gradient loses or gains on its way, in powers of ten, that is lost there.

The rest are small factors of many layers, each far from ``STEEP``.
"""

BY_ITSELF = 10.0
"""Factor that the layers themselves have to leave unexplained."""

OF_UNITS = (Symptom.DEAD_RELU, Symptom.SATURATED, Symptom.WEIGHTS_ZERO)
"""Symptoms that say more of a layer through which nothing passes."""


@dataclass(frozen=True, slots=True)
class OnePlace:
    """Where it is."""

    near: Layer
    """The layer before it, nearer the input."""

    far: Layer
    """The one after it, nearer the loss."""

    factor: float
    """By how much the gradient changes from the one to the other, above 1; infinite where none of
    it passes."""

    falls: bool
    """Whether it is lost on its way back, or grows."""

    @property
    def module(self) -> str:
        """The name of the innermost module that has both of them; empty for the model itself."""
        shared = []
        ways = (one.name.split(".")[:-1] for one in (self.near, self.far))
        for near, far in zip(*ways, strict=False):
            if near != far:
                break
            shared.append(near)
        return ".".join(shared)


def one_place(window: Window, worst: str, *, falls: bool) -> OnePlace | None:
    """Where the gradient of a layer is lost, or has grown, on its way back from the last layer.

    None where that is so in more than one place, where the layers beside it make it so, or where
    the graph of the network is not known.

    Args:
        window: the newest frames.
        worst: the name of the layer.
        falls: whether it is lost, or grows.
    """
    layers = window.layers
    row = next((i for i, one in enumerate(layers) if one.name == worst), None)
    if row is None or not window.paths.known:
        return None
    levels = [window.median(metric) for metric in METRICS]
    if not all((level > 0).any() for level in levels):
        return None
    profiles = [
        profile_of(metric, level, window.paths)
        for metric, level in zip(METRICS, levels, strict=True)
    ]
    if any(found.ends[row] < 0 for found in profiles):
        return None
    way = np.intersect1d(profiles[0].way(row), profiles[1].way(row))
    if way.size < 2 or row not in way:
        return None
    milder = np.fmax if falls else np.fmin
    logs = milder(*(np.log(found.ratio[way]) for found in profiles))
    change = np.diff(logs) if falls else -np.diff(logs)
    at = int(np.argmax(change))
    near, far, factor = int(way[at]), int(way[at + 1]), float(np.exp(change[at]))
    total = -logs.min() if falls else logs.max()
    if factor < STEEP or change[at] < MOST_OF_IT * total or far not in window.paths.next[near]:
        return None
    return _unless_explained(window, near, far, factor, falls=falls)


def where_it_ends(window: Window, zero: tuple[str, ...]) -> OnePlace | None:
    """Between which layers a gradient becomes exactly 0; None where all of it is or weights are.

    Args:
        window: the newest frames.
        zero: names of the layers that have none.
    """
    share = window.median("act_grad_zero_fraction")
    if not window.paths.known:
        return None
    for near in range(len(window.layers) - 1, -1, -1):
        if window.layers[near].name not in zero or share[near] != 1:
            continue
        behind = window.paths.next[near]
        if behind and all(share[far] < 1 for far in behind):
            return _unless_explained(window, near, behind[0], np.inf, falls=True)
    return None


def _unless_explained(
    window: Window, near: int, far: int, factor: float, *, falls: bool
) -> OnePlace | None:
    """The place, unless the layers beside it take or make that much of the gradient themselves."""
    first, then = window.layers[near], window.layers[far]
    for symptom in OF_UNITS:
        if symptom in window.active and {first.name, then.name} & {*window.active[symptom].layers}:
            return None
    if first.activation in {"sigmoid", "tanh"} and _saturated(window)[near] > 0.5:
        return None
    # What weights take of a gradient, or a norm layer of what is large, or add to what is small.
    size = relative_size(window, at_start=False)[far]
    if "Norm" in then.kind:
        size = 1 / max(float(window.median("act_rms")[near]), 1e-30)
    if np.isfinite(size):
        explained = 1 / size if falls else size
        if factor < BY_ITSELF * explained:
            return None
    return OnePlace(first, then, factor, falls)


def _saturated(window: Window) -> Floats:
    return np.nan_to_num(window.median("act_saturated_fraction"))
