"""What the frames around the onset of a symptom show of how it came about."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from gradwidget.diagnose.evidence.depth_profile import profile_of
from gradwidget.diagnose.evidence.weight_rotation import rotations
from gradwidget.diagnose.evidence.weight_size import ENLARGED, UNDERSIZED, relative_size
from gradwidget.diagnose.evidence.window import Window, median, middle
from gradwidget.diagnose.finding import Detection
from gradwidget.frame import BoolArray, Layer
from gradwidget.record.history import RECENT, History

GRADIENT = "act_grad_rms"
"""What grows on the way back to the input where gradients explode."""

LEAP = 3.0
"""Growth of a layer's weights from one frame to the next that is no growth by steps."""

LEAP_BY_STEP = 1.1
"""The least that it may be per step, where frames are far apart: steps add a few percent."""

OUTWEIGHED = 3.0
"""Norm of a layer's biases over that of its weights, beyond which usual inputs do not count.

An input of scale 1 moves a unit by about the norm of its weights.
"""

SLOWER = 0.1
"""Change of the weights per gradient, over that of another layer, that only a lower rate makes."""


class Onset:
    """How a symptom began: at the start or later, at once or little by little, after which steps.

    Args:
        detection: the symptom as it was just detected.
        window: the newest frames.
    """

    def __init__(self, detection: Detection, window: Window) -> None:
        self._detection = detection
        self._window = window

    @property
    def is_start(self) -> bool:
        """Whether the run began that way."""
        return self._detection.first_step == self._window.history.first_step

    @property
    def named(self) -> list[Layer]:
        """The layers concerned, input first."""
        return [layer for layer in self._window.layers if layer.name in self._detection.layers]

    @property
    def to_redraw(self) -> Sequence[Layer]:
        """All layers where the run started that way, else the ones concerned.

        Each layer contributes its factor, not only those past the bound.
        """
        return self._window.layers if self.is_start else self.named

    @property
    def is_of_small_weights(self) -> bool:
        """Whether most of the layers concerned were drawn far too small, and the run began so."""
        traits = self._window.traits
        among = self._among & traits.matrices & self._window.trainable
        small = relative_size(self._window, at_start=True) < UNDERSIZED
        return self.is_start and bool(among.any() and np.mean(small[among]) > 1 / 2)

    @property
    def is_after_large_steps(self) -> bool:
        """Whether the steps just before and after it moved the weights far."""
        window = self._window
        steps = window.history.recent_steps(RECENT)
        moves = rotations(window, RECENT)
        near = np.abs(steps - self._detection.first_step) <= window.limits.window
        known = moves[near & np.isfinite(moves)]
        return bool(known.size and known.max() > window.limits.update_high)

    @property
    def norms_before_leap(self) -> dict[str, float]:
        """Norm of the weight matrices before they became many times as large from frame to frame.

        By layer, of those that did, concerned or not; empty where weights have grown little by
        little, or by steps that moved them far.
        """
        if self.is_after_large_steps:
            return {}
        found = {}
        for place, layer in enumerate(self._window.layers):
            norms, steps = self._window.series(self._window.weight, place)
            with np.errstate(divide="ignore", invalid="ignore"):
                growth = norms[:-1] / norms[1:]
                by_step = growth ** (-1 / np.diff(steps))
            # Up to its scale, a layer that began small may grow as fast as it likes.
            large = norms[:-1] > self._window.weight_scale[place] * LEAP_BY_STEP
            leaps = np.flatnonzero((growth > LEAP) & (by_step > LEAP_BY_STEP) & large)
            before = float(norms[leaps[0] + 1]) if leaps.size else 0.0
            if layer.trainable and before > 0:
                found[layer.name] = before
        return found

    @property
    def is_of_biases(self) -> bool:
        """Whether the biases of most layers concerned outweigh what comes in."""
        window = self._window
        if "matrix_norm" not in window.history or not window.layers:
            return False
        # The newest: those before it may be of before the onset.
        whole, matrices = (window.latest(one, 1)[0] for one in ("weight_norm", "matrix_norm"))
        among = self._among
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = np.sqrt(np.maximum(whole**2 - matrices**2, 0.0)) / matrices
        return bool(among.any() and np.mean(ratio[among] > OUTWEIGHED) >= 1 / 2)

    @property
    def is_of_rates(self) -> bool:
        """Whether the layers concerned move less than others for the gradient that they get.

        An optimizer that adapts its steps moves them more for a smaller gradient, another one as
        much: only a lower rate moves them less.
        """
        window = self._window
        norms = window.median("grad_norm")
        with np.errstate(invalid="ignore", divide="ignore"):
            step = window.median("matrix_change") / norms
        step[~(window.traits.matrices & window.trainable & (norms > 0))] = math.nan
        among = self._among
        here, elsewhere = step[among & np.isfinite(step)], step[~among & np.isfinite(step)]
        return bool(here.size and elsewhere.size and here.max() < SLOWER * np.median(elsewhere))

    @property
    def growth_as_drawn(self) -> tuple[list[Layer], float]:
        """Where weights of usual size let the gradient grow: the layers, and a factor for each.

        From the layer most affected on, without the last one on the way, at whose output the
        gradient starts. The factor is the median, so that one between layers of other widths does
        not count. Empty and NaN where the run did not start that way, where the gradient is not
        known, or where weights were drawn large: it is then their own size that makes it grow.
        """
        window = self._window
        unknown: tuple[list[Layer], float] = [], math.nan
        rows = [i for i, one in enumerate(window.layers) if one.name in self._detection.layers[:1]]
        if not (self.is_start and rows and GRADIENT in window.history):
            return unknown
        level = median(window.latest(GRADIENT, window.limits.window))
        if not (level > 0).any():
            return unknown
        found = profile_of(GRADIENT, level, window.paths)
        way = found.way(rows[0]) if found.ends[rows[0]] >= 0 else np.array([], np.intp)
        drawn = relative_size(window, at_start=True)
        if way.size < 2 or (drawn[way] > ENLARGED).any():
            return unknown
        ratios = found.ratio[way]
        layers = [window.layers[place] for place in way[:-1]]
        return layers, float(np.median(ratios[:-1] / ratios[1:]))

    @property
    def _among(self) -> BoolArray:
        """Bool [layers]: those concerned."""
        return np.array([layer.name in self._detection.layers for layer in self._window.layers])


def first_level(window: Window, scalar: str) -> float:
    """The median of a scalar in the run's first frames, those of the same turn; NaN if unknown."""
    values = window.history.start_scalar(scalar)[window.same_turn()]
    return middle(values[: window.limits.window])


def unseen_before(history: History, step: int) -> int:
    """Steps before one that were not measured: what is first seen at it may have begun in them."""
    steps = history.steps
    earlier = steps[steps < step]
    return step - int(earlier[-1]) - 1 if earlier.size else 0
