"""How far each step rotates the weights of the network as a whole, and what makes it so far."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from gradwidget.diagnose.evidence.paths import Floats
from gradwidget.diagnose.evidence.window import Window, median, middle
from gradwidget.diagnose.finding import Detection, Symptom
from gradwidget.record.history import RECENT
from gradwidget.wording import shown

SAME_RATE = 2.0
"""Factor between two learning rates that are about the same, as along a schedule."""

FAR_OFF = 10.0
"""Times the loss of a guess from which on fresh outputs are too large."""
SUITS = (1e-4, 2e-2)
"""Change of the weights over their size in the first steps, outside of which the rate is no good.

In the healthy runs of the evaluation it is about 0.01.
"""
SEVERAL = 4
"""Times that a step is too large from which on that is the reason, and not the rate."""
RISEN = 3.0
"""Factor by which a schedule has raised a rate from which on that is why its steps are large."""
KEPT = 0.9
"""Share of the gradient that is left where the loop does not divide it after the passes."""
SCALED_BY_LOSS = frozenset({"SGD"})
"""Optimizers whose steps are as large as the loss; others, such as Adam, divide by its size."""


def rotations(
    window: Window,
    frames: int,
    *,
    leaving: int = 0,
    of_start: bool = False,
    of_most: bool = False,
) -> Floats:
    """float64 [<=frames]: how far each of the newest steps rotated the weights, oldest first.

    That is the change of the weights over their scale, without the part that only changed their
    norm, which is the effect of weight decay and not of the learning rate (known once the next
    frame is). The median over the layers with weight matrices, so that neither a head
    that starts at zero nor a few layers that hardly move decide it; NaN where no change was
    measured.

    Args:
        window: the newest frames.
        frames: how many.
        leaving: how many of the newest of them are left out.
        of_start: divide by the initial scale, even where the weights have outgrown it: weights that
            a high learning rate has made very large hardly rotate any more.
        of_most: of the layer that each step rotated most, and not of the median layer.
    """
    among = window.traits.matrices & window.trainable
    steps = window.history.recent_steps(frames)
    count = len(steps) - leaving
    norms = window.history.recent(window.weight, frames)[: count + 1, among].astype(np.float64)
    change = window.history.recent("matrix_change", frames)[:count, among].astype(np.float64)
    norm, apart = norms[:count], steps[1 : count + 1] - steps[: len(norms) - 1]
    # Without the change of the norm, by Pythagoras; between frames far apart, a step's share of it.
    with np.errstate(invalid="ignore"):
        grown = (norms[1:] - norms[:-1]) / apart[:, None]
        grown[np.isnan(grown)] = 0.0
        followed = change[: len(grown)]
        followed[:] = np.sqrt(np.maximum(followed**2 - grown**2, 0.0))
        scale = window.weight_scale[among]
        moves = change / (scale if of_start else np.fmax(norm, scale))
    if of_most:
        highest: Floats = np.fmax.reduce(moves, axis=1, initial=math.nan)
        return highest
    return median(moves.T) if among.any() else np.full(len(moves), np.nan)


def first_rotation(window: Window, *, of_most: bool = False) -> float:
    """How far the first measured step under the present learning rate rotated the weights.

    Of their initial scale: what follows may be inflated, by gradients that a rate too high has made
    large, or small, since it has made the weights large. NaN where none was measured.

    Args:
        window: the newest frames.
        of_most: of the layer that it rotated most, and not of the median layer.
    """
    moves = rotations(window, RECENT, of_start=True, of_most=of_most)
    rates = window.history.recent_scalar("lr", RECENT)
    known_rates = rates[np.isfinite(rates)]
    since = 0
    if known_rates.size:
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.abs(np.log(rates / known_rates[-1]))
        others = np.flatnonzero(factor > math.log(SAME_RATE))
        since = int(others[-1]) + 1 if others.size else 0
    known = moves[since:][np.isfinite(moves[since:])]
    return float(known[0]) if known.size else math.nan


@dataclass(frozen=True, slots=True)
class Undivided:
    """What a step adds up that was to be averaged."""

    entries: int
    """Of a loss; 1 of one that is a mean."""
    passes: int
    """Backward passes of a step."""

    @property
    def times(self) -> int:
        """How many times as large as for their average a step is."""
        return self.entries * self.passes

    @property
    def what(self) -> str:
        """What adds it up, as a sentence."""
        if self.entries == 1:
            return (
                f"Each step adds up {self.passes:,} backward passes, whose losses are not divided "
                f"by {self.passes:,}: it is {self.times:,} times as large as for their average."
            )
        of_passes = f", and each step {self.passes:,} backward passes" if self.passes > 1 else ""
        return (
            f"The loss adds up {self.entries:,} errors in place of averaging them{of_passes}: each "
            f"step is {self.times:,} times as large as for their average."
        )

    def explain(self, found: Detection) -> Detection:
        """Adds that to what is said of steps that are too large, unless a schedule made them so."""
        if "times" in found.evidence or found.evidence.get("risen", 1.0) > RISEN:
            return found
        evidence = {**found.evidence, "times": float(self.times)}
        return replace(found, message=f"{found.message} {self.what}", evidence=evidence)


def undivided(window: Window) -> Undivided | None:
    """A sum in the place of an average, where that makes the first steps too large.

    Not where a rate suits it, and not where the average would hardly move the weights.
    """
    found = window.wiring.obstacles.get("added up")
    if found is None or not SCALED_BY_LOSS.issuperset(window.wiring.optimizers):
        return None
    before = middle(window.history.start_scalar("raw_total_grad_norm")[:1])
    if middle(window.history.start_scalar("total_grad_norm")[:1]) < KEPT * before:
        return None
    passes = middle(window.history.start_scalar("passes"))
    move, (least, most) = first_rotation(window), SUITS
    for entries in map(int, found[1:]):
        one = Undivided(entries, int(passes) if passes > 1 else 1)
        if move > most and one.times >= SEVERAL and move / one.times > least:
            return one
    return None


def far_off(window: Window) -> str:
    """What a cross-entropy that starts far above that of a guess says of fresh outputs.

    As a sentence; empty where it does not, or where the inputs are the reason.
    """
    start, guess = middle(window.first_losses[:1]), window.constant_loss
    if Symptom.BAD_INPUTS in window.active or not start > FAR_OFF * guess > 0:
        return ""
    # A weight makes a loss larger as well, and no outputs.
    sizes = window.history.start("act_rms")[:1, window.paths.last].astype(np.float64)
    if not middle(sizes[:1].max(axis=1, initial=0.0)) > start / FAR_OFF:
        return ""
    return (
        f"The loss starts at {shown(start)}, where a guess has {shown(guess)}: the outputs are too "
        "large before any step is made."
    )
