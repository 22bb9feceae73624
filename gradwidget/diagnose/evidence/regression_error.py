"""How far the outputs of a regression are from their targets, without a look at the targets."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gradwidget.diagnose.evidence.window import Window, middle
from gradwidget.frame import CROSS_ENTROPY
from gradwidget.record.history import RECENT
from gradwidget.wording import shown

ABSOLUTE = frozenset({"l1_loss", "smooth_l1_loss", "huber_loss", "abs"})
SQUARED = frozenset({"mse_loss", "pow"})
AROUND = frozenset({"mean", "sum", "sub", "rsub", "mul", "div"})
"""Operations of the same sums as they are written by hand."""
SQUASHES = frozenset({"sigmoid", "hardsigmoid", "softmax", "tanh"})
"""Functions between two bounds which all that is scaled for them reaches nearly: some noise beyond
does little harm there, and is not told by the targets."""
PART = 0.1
"""Share of the targets' range that has to lie beyond a bound, and of the loss that has to be left:
some noise below amounts that are positive does no harm."""
DROWNED = 1e-4
"""Share of the gradient of one output below which that of all others is next to nothing."""
OUTWEIGHED = 1e-2
"""The same below which the others count for little: what they share goes where that one wants."""
ALIKE = 4.0
"""Factor between the loss and the mean of squared errors that makes all of it: some weight one by
a half."""
ROUNDED = 1.01
"""An error that is larger than the largest by no more than this may be rounded."""

OF_TARGETS = 3.0
"""Errors over outputs from which they are about what the targets are."""
RISEN = 1.5
"""Size of the targets over that at the start, from which they have risen."""
AS_LARGE = 0.75
"""Error over outputs, or the other way round, from which outputs may be all of the error."""
OF_ERRORS = frozenset({"mse_loss", "smooth_l1_loss", "huber_loss"})
"""Losses of differences that keep their targets."""
OF_KNOWN_TARGETS = CROSS_ENTROPY | {
    *OF_ERRORS,
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
}
"""Losses that keep their targets, and are no squares by hand."""


def first_residual(window: Window, most: int | None = None) -> float:
    """RMS, or for absolute errors the mean, of outputs less targets in the first frames.

    From the loss L and its gradient g at the N outputs: of c times a sum of squared errors, it is
    2 L / (|g| √N), and of c times a sum of absolute ones L / (|g| √N), whatever c is. NaN where the
    loss is another one, or not of one layer alone; of several terms, where one of squared errors
    is known to be all of it.

    Args:
        window: the newest frames.
        most: of this many frames; None for a window of them.
    """
    operations = set(window.wiring.loss_path)
    squared, is_absolute = is_squared(window), bool(operations & ABSOLUTE)
    last = np.flatnonzero(window.paths.last)
    if last.size > 1:
        heavy = outweighing(window)
        return math.nan if heavy is None else heavy.residual
    if squared == is_absolute or not last.size or operations - SQUARED - ABSOLUTE - AROUND:
        return math.nan
    norm = window.history.start("act_grad_norm")[:, last[0]].astype(np.float64)
    per_entry = window.history.start("act_grad_rms")[:, last[0]].astype(np.float64)
    loss = window.history.start_scalar("loss")
    frames = min(most or window.limits.window, len(loss), len(norm))
    with np.errstate(all="ignore"):
        # √N is the norm over the RMS.
        found = (2 if squared else 1) * loss / norm * per_entry / norm
    return middle(found[:frames])


class FarTargets(NamedTuple):
    """Targets of a regression that are themselves far from what a fresh network gives."""

    size: float
    """Their root mean square; of absolute errors whose targets are not kept, their mean size."""
    known: tuple[float, float] | None
    """Their mean and standard deviation, where they were read."""

    @property
    def in_words(self) -> str:
        """Their scale, to follow "with"."""
        if self.known is None:
            return f"a size of about {shown(self.size)}"
        mean, deviation = self.known
        return f"a mean of {shown(mean)} and a standard deviation of {shown(deviation)}"


def far_targets(window: Window) -> FarTargets | None:
    """The targets at the start, where they are that far; None where that is not known.

    As read, where the last layer's outputs are what is held against them: what is done to the
    outputs before may have given them the units of the targets, or bounds. Else by the errors,
    where these are far larger than the outputs.
    """
    bound, frames = window.limits.target_scale, window.limits.window
    *around, last = window.wiring.loss_path or ("",)
    if last in OF_ERRORS and AROUND.issuperset(around):
        mean, deviation = (
            middle(window.history.start_scalar(f"target_{one}")[:frames]) for one in ("mean", "std")
        )
        size = math.hypot(mean, deviation)
        if math.isfinite(size):
            return FarTargets(size, (mean, deviation)) if size > bound else None
    residual = first_residual(window)
    outputs = middle(window.start("act_rms")[window.paths.last])
    # What is no output is in the targets.
    is_far = residual > OF_TARGETS * outputs and residual - outputs > bound
    return FarTargets(residual, None) if is_far and np.sum(window.paths.last) == 1 else None


class Outweighing(NamedTuple):
    """A layer whose squared errors are most of a loss of several terms."""

    layer: str
    residual: float
    """The root mean square of these errors in the first frame."""
    share: float
    """Gradient of the other outputs over that of this one."""

    @property
    def drowns(self) -> bool:
        """Whether nothing is left of the others beside it, which is wrong whatever follows."""
        return self.share < DROWNED


def outweighing(window: Window) -> Outweighing | None:
    """That layer; None where there is none.

    The mean of the squares is then the loss, but for its weight, and the gradient of every other
    output is small beside that of this one.
    """
    last = np.flatnonzero(window.paths.last)
    norms, sizes, losses = (
        window.history.start("act_grad_norm"),
        window.history.start("act_grad_rms"),
        window.history.start_scalar("loss"),
    )
    if last.size < 2 or not is_squared(window) or not min(len(norms), len(sizes), len(losses)):
        return None
    of_last = norms[0, last].astype(np.float64)
    largest = last[int(np.argmax(np.nan_to_num(of_last)))]
    others = of_last[last != largest]
    norm, size, loss = float(norms[0, largest]), float(sizes[0, largest]), float(losses[0])
    if not (others < OUTWEIGHED * norm).all() or not loss > 0 or not size > 0:
        return None
    residual = 2 * loss / norm * size / norm
    is_all = 1 / ALIKE < loss / residual**2 < ALIKE
    layer = window.layers[largest].name
    return Outweighing(layer, residual, float(others.max()) / norm) if is_all else None


def is_squared(window: Window) -> bool:
    """Whether the loss is of squared errors, and not of absolute ones."""
    return not SQUARED.isdisjoint(window.wiring.loss_path)


def is_behind(window: Window) -> bool:
    """Whether outputs are on their way to targets that have moved off, and have not gone past them.

    So it is with a critic whose returns rise as its policy gets better, and with a sum over
    episodes that get longer. Outputs that overshoot are larger than any target, and soon they are
    all of the error: it is then as large as they are.
    """
    outputs = window.median("act_rms")
    last = [number for number in np.flatnonzero(window.paths.last) if outputs[number] > 0]
    if not last:
        return False
    largest = max(last, key=lambda number: outputs[number])
    targets = [_sizes(window, early=early) for early in (True, False)]
    if all(targets):
        first, now = (middle(np.array(sizes)) for sizes in targets)
        return now > RISEN * first and outputs[largest] < now
    path = set(window.wiring.loss_path)
    if not {"pow", "sub"} <= path or OF_KNOWN_TARGETS & path:
        return False
    loss = window.history.recent_scalar("loss", RECENT).astype(np.float64)
    norm, per_entry, size = (
        window.history.recent(metric, RECENT)[:, largest].astype(np.float64)
        for metric in ("act_grad_norm", "act_grad_rms", "act_rms")
    )
    with np.errstate(all="ignore"):
        share = 2 * loss / norm * per_entry / norm / size
    share = share[np.isfinite(share)]
    # On the way past its outputs an error is as large as they are for a while.
    parts = [middle(part) for part in np.array_split(share[-3 * window.limits.window :], 3)]
    return any(part < AS_LARGE or part > 1 / AS_LARGE for part in parts)


def _sizes(window: Window, *, early: bool) -> list[float]:
    """The largest target of each of the first or the newest frames that know theirs."""
    history, frames = window.history, window.limits.window
    low, high = (
        history.start_scalar(name) if early else history.recent_scalar(name, RECENT)
        for name in ("target_min", "target_max")
    )
    sizes = np.fmax(np.abs(low), np.abs(high))
    sizes = sizes[np.isfinite(sizes)]
    found: list[float] = (sizes[:frames] if early else sizes[-frames:]).tolist()
    return found


class Bounded(NamedTuple):
    """Outputs that end in a function with bounds, under a mean error."""

    loss: str
    """In torch's words, as what follows."""
    function: str
    factor: float
    """By what the mean error is multiplied."""
    low: float
    high: float


def _bounded(window: Window) -> Bounded | None:
    found = window.wiring.obstacles.get("bounded")
    if found is None or len(found) < len(Bounded._fields):
        return None
    loss, function, *numbers = found
    return Bounded(loss, function, *map(float, numbers))


class OutOfReach(NamedTuple):
    """Outputs with bounds whose error is larger than the bounds are apart."""

    function: str
    low: float
    high: float
    is_squared: bool
    """Whether the loss is the mean of squared errors, and not of absolute ones."""
    error: float
    """That mean."""

    @property
    def bounds(self) -> str:
        """What the function gives, in words."""
        return f"{self.low:g} … {self.high:g}".replace("-", "−")

    @property
    def most(self) -> float:
        """The largest error of outputs and targets within the bounds."""
        apart = self.high - self.low
        return apart**2 if self.is_squared else apart


def out_of_reach(window: Window) -> OutOfReach | None:
    """What is out of reach; None where that is not proved.

    Were all targets within the bounds, no entry's error could be larger than their distance, and
    so neither could the mean.
    """
    given = _bounded(window)
    if given is None:
        return None
    error = window.loss / given.factor
    found = OutOfReach(given.function, given.low, given.high, given.loss == "mse_loss", error)
    return found if found.error > ROUNDED * found.most else None


class Beyond(NamedTuple):
    """Targets on the other side of a bound of the function that outputs come from."""

    function: str
    bound: float
    target: float
    """The one farthest from it."""

    @property
    def side(self) -> str:
        """In words, seen from the bound."""
        return "below" if self.target < self.bound else "above"


def beyond_reach(window: Window) -> Beyond | None:
    """The bound that targets lie beyond; None where none is known to.

    A clear part of the targets does in every one of the newest frames, and more than little of the
    loss is left.
    """
    given = _bounded(window)
    frames = window.limits.certain_frames
    low = window.history.recent_scalar("target_min", frames)
    high = window.history.recent_scalar("target_max", frames)
    if given is None or given.function in SQUASHES or len(low) < frames:
        return None
    part = PART * (high - low)
    if window.level_left < PART:
        return None
    if (given.low - low > part).all():
        return Beyond(given.function, given.low, float(low.min()))
    if (high - given.high > part).all():
        return Beyond(given.function, given.high, float(high.max()))
    return None
