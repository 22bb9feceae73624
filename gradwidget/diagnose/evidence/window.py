"""What the rules read: the newest frames of a history, each statistic computed once per frame."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property

import numpy as np

from gradwidget.diagnose.evidence.depth_profile import DepthProfile
from gradwidget.diagnose.evidence.layer_traits import LayerTraits
from gradwidget.diagnose.evidence.paths import Floats, Paths
from gradwidget.diagnose.finding import Finding, Symptom
from gradwidget.diagnose.thresholds import DEFAULT, Thresholds
from gradwidget.frame import ROOT, BoolArray, Frame, Layer, Wiring
from gradwidget.record.capacity import START
from gradwidget.record.history import LOOK_BACK, RECENT, History
from gradwidget.record.losses import EARLY

BEGINNING = 10
"""First values that show how a run began: a sampled run measures at least as many in a row."""

A_FEW = 2
"""Values of a layer that tell how it began, and frames with a low loss that may be chance."""

A_PART = 0.1
"""Share of a run's steps with a low loss that is not chance."""

BEYOND_NOISE_OF_ONE = 3.0
"""Standard deviations of the loss from batch to batch, below which a low loss may be a batch."""

BEYOND_NOISE = 4.0
"""Standard errors that are noise between two levels of the loss: of many, one will be far out."""

OF_CHANGES = 0.954
"""Median change between two normal numbers, over their standard deviation."""

OF_MEDIAN = 1.2533
"""Standard error of a median of normal numbers, over that of their mean."""

STRETCH = 9
"""Losses in a row whose median shows a level."""


class Window:
    """The newest frames of a run, as the rules need them.

    Args:
        history: the run; at least one frame.
        limits: the bounds in force.
        active: the open findings by symptom; one that opens while the rules run is seen by those
            that come after.
        traits: those of the history's layers, where already known.

    Raises:
        ValueError: the history is empty.
    """

    def __init__(
        self,
        history: History,
        limits: Thresholds = DEFAULT,
        active: Mapping[Symptom, Finding] | None = None,
        traits: LayerTraits | None = None,
    ) -> None:
        if history.last is None:
            message = "a window needs at least one frame"
            raise ValueError(message)
        self.history = history
        self.layers: tuple[Layer, ...] = history.layers
        """The layers, input first."""
        self.limits = limits
        self.active = {} if active is None else active
        self.traits = traits or LayerTraits(history.layers)
        self.frame: Frame = history.last
        self.step: int = history.last.step
        self.profiles: dict[tuple[str, bool], DepthProfile | None] = {}
        """Profiles over depth that are already computed, by metric and whether ends are final."""
        self._medians: dict[tuple[str, int], Floats] = {}

    @property
    def trainable(self) -> BoolArray:
        """Bool [layers]: whether the layer has a parameter that requires a gradient."""
        return self.traits.trainable

    @property
    def wiring(self) -> Wiring:
        """How the network is wired, as last read; empty where that is not known."""
        return self.frame.wiring or Wiring()

    @cached_property
    def paths(self) -> Paths:
        """Which layers lie on the way to which."""
        return self.traits.paths(self.frame.wiring)

    @property
    def is_lost(self) -> bool:
        """Whether the loss or the gradient of the newest frame is not finite."""
        scalars = self.frame.scalars
        return not all(math.isfinite(scalars.get(one, 0.0)) for one in ("loss", "total_grad_norm"))

    @property
    def age(self) -> int:
        """Steps between the first frame and the newest."""
        return self.step - (self.history.first_step or 0)

    @property
    def enough(self) -> int:
        """How many values of a window must be known: more than half."""
        return self.limits.window // 2 + 1

    # ---------------------------------------------------------------- layers

    def latest(self, metric: str, n: int) -> Floats:
        """float64 [<=n, layers]: the newest ``n`` finite values of each layer, newest first.

        NaN where a layer has fewer. Each layer by itself: the values in a row come from different
        steps where layers are measured in turn.
        """
        rows = self.history.recent(metric, n)[::-1].astype(np.float64)
        known = np.isfinite(rows)
        if not known.all():
            gaps = np.flatnonzero(~known.all(axis=0))
            further = self.history.recent(metric, LOOK_BACK)[::-1, gaps]
            absent = ~np.isfinite(further)
            order = np.argsort(absent, axis=0, kind="stable")[:n]
            columns = np.arange(len(gaps))
            rows[:, gaps] = np.where(absent[order, columns], np.nan, further[order, columns])
        return rows

    def median(self, metric: str) -> Floats:
        """float64 [layers]: the median of each layer's latest values; NaN if there are too few."""
        return self._median(metric, self.limits.window)

    def lasting(self, metric: str) -> Floats:
        """float64 [layers]: the median over ``lasting_steps`` steps; NaN in a shorter run.

        A sampled run has fewer frames in as many steps; as many as ``enough`` suffice.
        """
        steps = self.limits.lasting_steps
        if self.age < steps - 1:
            return np.full(len(self.layers), np.nan)
        near = int(np.sum(self.history.recent_steps(steps) > self.step - steps))
        return self._median(metric, max(near, self.enough))

    def _median(self, metric: str, n: int) -> Floats:
        key = (metric, n)
        if key not in self._medians:
            none = np.empty((0, len(self.layers)))
            rows = self.latest(metric, n) if metric in self.history else none
            self._medians[key] = median(rows, least=n // 2 + 1)
        return self._medians[key]

    def start(self, metric: str) -> Floats:
        """float64 [layers]: the median of each layer's first values; NaN if there are too few.

        Each layer by itself: networks that are trained in turns have theirs in different frames.
        """
        rows = self.history.start(metric).astype(np.float64)
        known = np.cumsum(np.isfinite(rows), axis=0)
        return median(np.where(known <= BEGINNING, rows, np.nan), least=A_FEW)

    def series(self, metric: str, layer: int) -> tuple[Floats, list[int]]:
        """A layer's finite values, newest first, and the steps at which they were measured."""
        rows = self.history.recent(metric, RECENT)[::-1, layer].astype(np.float64)
        steps = self.history.recent_steps(RECENT)[::-1]
        finite = np.isfinite(rows)
        return rows[finite], [int(step) for step in steps[finite]]

    @cached_property
    def weight(self) -> str:
        """The metric for the size of a layer's weights: of its matrices, where that is measured."""
        return "matrix_norm" if "matrix_norm" in self.history else "weight_norm"

    @cached_property
    def first_weight_norm(self) -> Floats:
        """float64 [layers]: the norm of the weights when first measured; NaN before."""
        rows = self.history.start(self.weight).astype(np.float64)
        first: Floats = rows[np.argmax(np.isfinite(rows), axis=0), np.arange(rows.shape[1])]
        return first

    @cached_property
    def weight_scale(self) -> Floats:
        """float64 [layers]: the initial norm of the weights, or the variance-preserving one.

        The larger of the two, so that a layer that starts at zero has a scale too.
        """
        scale: Floats = np.fmax(self.first_weight_norm, self.traits.natural_norm)
        return scale

    @cached_property
    def move_scale(self) -> Floats:
        """float64 [layers]: what a change of the weight matrices is compared with.

        The larger of their norm and their scale; NaN for weights that are 0 and have no scale.
        """
        scale = np.fmax(self.median(self.weight), self.weight_scale)
        return np.where(scale > 0, scale, np.nan)

    @cached_property
    def moves(self) -> Floats:
        """float64 [layers]: median change of the weight matrices per step, over ``move_scale``."""
        return self.median("matrix_change") / self.move_scale

    # ---------------------------------------------------------------- loss

    @cached_property
    def in_play(self) -> BoolArray:
        """Bool [layers]: those whose gradient the newest frame measured.

        All that have one, but for networks that are trained in turns, each with an optimizer of its
        own: then those of the network whose turn it is.
        """
        return self.frame.is_measured("grad_norm")

    @cached_property
    def has_opponent(self) -> bool:
        """Whether networks are trained in turns, each with an optimizer of its own."""
        return len(self.wiring.optimizers) > 1 and not self.in_play.all()

    def same_turn(self, frames: int | None = None) -> BoolArray:
        """Bool [<=frames]: whether each of some frames trained what the newest one trains.

        Oldest first, of the newest frames, or of the run's first ones where no number is given; all
        of them where networks are not trained in turns.
        """
        history = self.history
        if not self.has_opponent:
            steps = history.recent_steps(START if frames is None else frames)
            return np.ones(len(steps), np.bool_)
        metric = "grad_norm"
        rows = history.start(metric) if frames is None else history.recent(metric, frames)
        return np.asarray(~np.isnan(rows[:, self.in_play]).all(axis=1), np.bool_)

    def losses(self, frames: int) -> Floats:
        """float64: the loss in each of the newest frames, of those in the same turn."""
        found: Floats = self.history.recent_scalar("loss", frames)
        return found[self.same_turn(frames)]

    @cached_property
    def first_losses(self) -> Floats:
        """float64: the loss in each of the run's first frames, of those in the same turn."""
        found: Floats = self.history.start_scalar("loss")[self.same_turn()]
        return found

    @cached_property
    def early_losses(self) -> Floats:
        """float64: the finite losses of the first steps, or of frames where not each is known.

        Of networks that are trained in turns, the frames in the same turn.
        """
        early = self.history.losses.first()[1] if self.knows_steps else self.first_losses
        return early[np.isfinite(early)]

    @cached_property
    def _start(self) -> tuple[float, int]:
        """The loss at the start, and the median of how many losses it is.

        Of five, since a loss may fall fast; of more where noise is all that is seen in those.
        """
        early = self.early_losses
        count = min(len(early), 5)
        for more in (10, 20, EARLY) if self.knows_steps else ():
            older, newer = middle(early[: more // 2]), middle(early[more // 2 : more])
            if len(early) < more or abs(newer - older) > 2 * self.error(more // 2, more // 2):
                break
            count = more
        return middle(early[:count]), count

    @property
    def start_loss(self) -> float:
        """The median loss of the first steps, of the network whose turn it is; NaN if not known."""
        return self._start[0]

    def error(self, *counts: int) -> float:
        """Standard error between two medians of the loss, each of a count, by its noise alone."""
        return OF_MEDIAN * self.loss_noise * math.sqrt(sum(1 / count for count in counts if count))

    @cached_property
    def first_level(self) -> float:
        """The loss that a run has to get below: that at its start, or of a constant prediction.

        A run that starts far above that has learned nothing by getting there. NaN if not known.
        """
        return min(self.start_loss, self.constant_loss) if self.constant_loss else self.start_loss

    @cached_property
    def constant_loss(self) -> float:
        """The cross-entropy of a constant prediction; 0 where the loss is another one.

        The logarithm of the number of classes, which are the units of the last layers.
        """
        if not self.wiring.is_of_classes:
            return 0.0
        # What the graph does not show, as a frozen layer at the beginning, gives no outputs.
        known = self.wiring.feeds or {layer.name for layer in self.layers}
        ends = {self.layers[i].name for i in np.flatnonzero(self.paths.last)}
        # What a model gives is what its last layer does, whatever parameters are beside that.
        inside = {name for name, behind in self.wiring.feeds.items() if behind == (ROOT,)}
        if inside and ROOT in ends:
            ends = ends - {ROOT} | inside
        classes = [
            max((shape[0] for shape in layer.shapes.values() if shape), default=1)
            for layer in self.layers
            if layer.name in ends and layer.name in known
        ]
        # What is compared with one another has no layer with an output for each.
        found = self.wiring.obstacles
        count = int(found.get("small logits", ("", max(classes, default=1)))[1])
        passes = self.newest("passes") if "added up" in found else 1.0
        return math.log(count) * self.wiring.entries * max(1.0, passes)

    def newest(self, scalar: str) -> float:
        """The median of a scalar in the newest frames of the same turn; NaN if not known."""
        frames = self.limits.window * (2 if self.has_opponent else 1)
        values = self.history.recent_scalar(scalar, frames)[self.same_turn(frames)]
        return middle(values[-self.limits.window :])

    @cached_property
    def loss(self) -> float:
        """The median loss of the newest frames; NaN where no loss is known."""
        return self.newest("loss")

    @cached_property
    def loss_noise(self) -> float:
        """About the standard deviation of the loss from batch to batch, as the first steps show it.

        By the median change from one to the next, so that a loss that falls as well changes little.
        """
        changes = np.abs(np.diff(self.early_losses))
        found = middle(changes) / OF_CHANGES if len(changes) >= A_FEW else 0.0
        return found if math.isfinite(found) else 0.0

    @property
    def loss_left(self) -> float:
        """How much is left of the first level: 1 at the start, even below 0; NaN if not known."""
        return self._left(self.loss)

    @cached_property
    def level(self) -> float:
        """The loss over more steps, which tells a flat one from noisy batches: ``EARLY`` of them.

        Where not each step's is known, and in the first steps, that of the newest frames.
        """
        found = self.history.losses.level
        return found if self.knows_steps and math.isfinite(found) else self.loss

    @property
    def level_left(self) -> float:
        """How much of the first level is left, by that level."""
        return self._left(self.level)

    @property
    def loss_is_high(self) -> bool:
        """Whether the loss is too high for small gradients to mean convergence; True if unknown."""
        return not self.loss_left <= self.limits.vanishing_loss_share

    @cached_property
    def newest_loss_left(self) -> float:
        """The same for the newest loss alone."""
        return self._left(middle(self.history.recent_scalar("loss", 1)))

    @cached_property
    def has_learned(self) -> bool:
        """Whether the loss was well below its start for part of the run, whatever it is now.

        For a tenth of its steps, or for some in a row; by more than the noise of batches makes.
        """
        start, count = self.first_level, self._start[1]
        fall = (1 - self.limits.plateau_fallen) * abs(start)
        if not self.knows_steps:
            return self._was_low(start - max(fall, BEYOND_NOISE_OF_ONE * self.loss_noise))
        losses = self.history.losses.means
        for length in (STRETCH, int(A_PART * len(losses))):
            bound = start - max(fall, BEYOND_NOISE * self.error(count, length))
            below = np.cumsum(np.append(0, losses < bound))
            if length >= STRETCH and (2 * (below[length:] - below[:-length]) > length).any():
                return True
        return False

    def _was_low(self, bound: float) -> bool:
        """Whether frames show a loss below the bound for a tenth of the steps, or three of them do.

        A frame stands for all steps since the frame before: the frames of a sampled run are not
        spread evenly, since those of a fault are close together.
        """
        if "loss" not in self.history.scalars:
            return False
        fallen = self.history.scalars["loss"] < bound
        stands_for = np.diff(self.history.steps, prepend=self.history.steps[0])
        return bool(fallen.sum() > A_FEW or stands_for[fallen].sum() > A_PART * self.age)

    @property
    def knows_steps(self) -> bool:
        """Whether the loss of most steps is known, and is that of one network."""
        return not self.has_opponent and self.history.losses.version > self.age / 2

    def _left(self, loss: float) -> float:
        return (
            1 - (self.first_level - loss) / abs(self.first_level) if self.first_level else math.nan
        )


def median(values: Floats, least: int = 1) -> Floats:
    """Median over the first axis, ignoring NaN; NaN where there are fewer than ``least`` values.

    The lower one of two middle values. Many times faster than ``numpy.nanmedian``.
    """
    if len(values) < least:
        return np.full(values.shape[1], np.nan)
    if len(values) == 1:
        only: Floats = values[0]
        return only
    ordered = np.sort(values, axis=0)  # NaN sorts last
    if not np.isnan(ordered[-1]).any():
        chosen: Floats = ordered[(len(values) - 1) // 2]
        return chosen
    count = np.sum(~np.isnan(ordered), axis=0)
    present = ordered[np.maximum(count - 1, 0) // 2, np.arange(values.shape[1])]
    return np.where(count >= least, present, np.nan)


def holding_since(steps: list[int], holds: BoolArray) -> int:
    """The oldest step, newest first, that holds; a single one that does not breaks nothing."""
    since = steps[0]
    misses = 0
    for step, held in zip(steps, holds, strict=True):
        misses = 0 if held else misses + 1
        if misses > 1:
            break
        if held:
            since = step
    return since


def middle(values: Floats) -> float:
    """The median of the finite values; NaN where there are none."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return math.nan
    # numpy's own median takes a tenth of a second to import what it needs, and its mean takes
    # longer than all of this.
    finite.sort()
    low, high = finite[(finite.size - 1) // 2], finite[finite.size // 2]
    return float(low if finite.size % 2 else (low + high) / 2)
