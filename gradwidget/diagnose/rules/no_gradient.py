"""Trainable parameters without any gradient: never used, or cut off on the way to the loss.

Not reported: frozen layers (they are not trainable), heads and branches used now and then, the zero
gradient of a factor whose partner starts at zero (LoRA).
"""

from __future__ import annotations

import re
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gradwidget.diagnose.evidence.disconnection import Disconnection, disconnection, unused_of
from gradwidget.diagnose.evidence.lost_gradient import lost_since
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.thresholds import Thresholds
from gradwidget.frame import BoolArray, FloatArray, Layer
from gradwidget.record.history import RECENT
from gradwidget.wording import names

Steps = NDArray[np.int64]

SAME = 1e-6
"""Relative difference of two norms that rounding makes: a step changes weights by far more."""

ALIKE = 32
"""Layers of a kind that are looked at: a mixture may have thousands of experts."""

RARER = 3.0
"""Times the longest gap so far that a gap has to last: what is used at random has longer ones."""

RAREST = 10.0
"""Times the longest gap of layers that are like it: of a dozen languages, the rarest may be drawn a
tenth as often as those that have been drawn several times."""


def no_gradient(window: Window, active: Finding | None) -> Detection | None:
    """Layers without a gradient for many steps, and for far longer than ever before."""
    del active  # what has been missing for so long is missing
    if lost_since(window) is not None:
        return None  # it was there
    absent = window.median("grad_is_none") > 0
    candidates = np.flatnonzero(absent & window.trainable)
    seen = _Seen(window)
    since = {int(i): step for i in candidates if (step := _since(window, seen, int(i))) is not None}
    if not since:
        return None
    layers = tuple(window.layers[i].name for i in sorted(since, key=lambda i: (since[i], i)))
    first = min(since.values())
    how = disconnection(window, layers, first)
    return Detection(
        severity="warning",
        message=_message(window, layers, how, max(since.values())),
        layers=layers,
        first_step=first,
        evidence={
            "value": float(window.step - first),
            "bound": float(window.limits.no_gradient_steps),
            "window": float(window.step - first),
            "idle": float(how in ("never run", "no longer run", "never used")),
        },
        caveat="Fine if this stage of training does not use that part of the model.",
    )


def _message(window: Window, layers: tuple[str, ...], how: Disconnection | None, last: int) -> str:
    """What the sampled steps show of them, and no more.

    Args:
        window: the newest frames.
        layers: their names.
        how: what they have in common.
        last: the step since which none of them has had a gradient.
    """
    text = f"No gradient reaches the trainable parameters of {names(layers)}: "
    if how in ("never run", "no longer run"):
        count = int(np.sum(window.history.recent_steps(RECENT) >= last))
        since = (
            f" since step {last:,}"
            if how == "no longer run" or last > (window.history.first_step or 0)
            else ""
        )
        return f"{text}forward() has run them in none of the {count:,} sampled steps{since}."
    if how == "never used":
        return (
            f"{text}forward() runs, and what it gives does not depend on "
            f"{names(unused_of(window, layers))}: it is never used, or only where no graph is "
            "recorded, as under no_grad() or behind detach()."
        )
    if how == "cut off":
        return f"{text}they run, but what they give is cut off on its way to the loss."
    reasons = {window.frame.reasons[name] for name in layers if name in window.frame.reasons}
    why = f" ({reasons.pop()})" if len(reasons) == 1 else ""
    return f"{text}the loss does not depend on them{why}."


class _Seen:
    """In which of the newest frames layers took part, newest first.

    Args:
        window: the newest frames.
    """

    def __init__(self, window: Window) -> None:
        self._lacking = window.history.recent("grad_is_none", RECENT)[::-1]
        self._norms = window.history.recent("weight_norm", RECENT)[::-1]
        self._steps = window.history.recent_steps(RECENT)[::-1]
        self._ran = window.history.recent("has_run", RECENT)[::-1]
        self._layers = window.layers
        self._idle = _idle_turns(window, self._lacking)
        self._gaps: dict[str, dict[int, int]] = {}

    @cached_property
    def _alike(self) -> dict[str, list[int]]:
        """The layers of each kind."""
        found: dict[str, list[int]] = {}
        for i, layer in enumerate(self._layers):
            found.setdefault(_kind(layer), []).append(i)
        return found

    def of(self, layer: int) -> tuple[Steps, BoolArray, BoolArray, FloatArray]:
        """Of the frames that know it: steps, where it had a gradient, where it took part, its runs.

        It took part too where its weights have changed by the next frame: it has been trained in
        the steps between, which nobody has looked at.
        """
        known = ~np.isnan(self._lacking[:, layer])
        present = self._lacking[known, layer] == 0
        steps = self._steps[known]
        took_part = present | _trained_after(self._norms[known, layer], steps, present)
        return steps, present, took_part, self._ran[known, layer]

    def is_always_idle(self, layer: int) -> bool:
        """Whether its optimizer has had nothing at all to step with whenever it stepped."""
        return bool(self._idle[~np.isnan(self._lacking[:, layer])].all())

    def gap_of_alike(self, layer: int) -> int:
        """Steps of the longest gap after which a layer like it took part again.

        Of layers of which one is drawn at random, those that are drawn rarely resemble the others.
        """
        kind = _kind(self._layers[layer])
        if kind not in self._gaps:
            alike = self._alike[kind][:ALIKE]
            self._gaps[kind] = {other: self.gap(other) for other in alike}
        return max((gap for other, gap in self._gaps[kind].items() if other != layer), default=0)

    def gap(self, layer: int) -> int:
        """Steps of the longest gap after which it took part again."""
        steps, _, took_part, _ = self.of(layer)
        at = np.flatnonzero(took_part)
        gaps = np.flatnonzero(np.diff(at) > 1)
        return int(np.max(steps[at[gaps] + 1] - steps[at[gaps + 1] - 1] + 1, initial=0))


def _idle_turns(window: Window, lacking: FloatArray) -> BoolArray:
    """Bool [frames]: where one of several optimizers stepped, and nothing of it had a gradient."""
    lacking = lacking[:, window.trainable]
    known = ~np.isnan(lacking)
    found: BoolArray = known.any(axis=1) & ~known.all(axis=1) & ~(lacking == 0).any(axis=1)
    return found & (len(window.wiring.optimizers) > 1)


def _kind(layer: Layer) -> str:
    """The same for layers that differ in the numbers in their names alone, as heads of a list."""
    return f"{re.sub(r'[0-9]+', '#', layer.name)} {sorted(layer.shapes.items())}"


def _trained_after(norms: FloatArray, steps: Steps, present: BoolArray) -> BoolArray:
    """Bool [frames]: whether training changed the weights between the frame and the next one.

    Newest first. Never where they change in a step without a gradient as well: then something else
    changes them, such as a decay by hand.
    """
    found = np.zeros(len(steps), np.bool_)
    known = np.flatnonzero(np.isfinite(norms))
    newer, older = known[:-1], known[1:]
    changed = np.abs(norms[newer] - norms[older]) > SAME * norms[older]
    changed &= ~present[newer] & ~present[older]
    apart = steps[newer] - steps[older] > 1
    if not (changed & ~apart).any():
        found[older] = changed & apart
    return found


def _since(window: Window, seen: _Seen, layer: int) -> int | None:
    """The step since which the layer has taken no part; None where that is too short to tell."""
    # Over how many of the newest measured frames it has not.
    steps, present, took_part, ran = seen.of(layer)
    last = np.flatnonzero(took_part)
    length = int(last[0]) if last.size else len(steps)
    limits = window.limits
    count = int(present.sum())
    if length < limits.no_gradient_frames or not _unlikely(
        max(count, min(last.size, 1)), len(steps) - length, length, limits
    ):
        return None
    since = int(steps[length - 1])
    # It must be far longer than the longest gap so far after which there was a gradient again.
    before = seen.gap(layer)
    steady = count >= limits.no_gradient_frames
    # A layer that runs in every step, and whose output leads nowhere in any, is cut off: always, or
    # since then, where it had a gradient in every step before.
    ran = ran[:length]
    ran = ran[np.isfinite(ran)]
    is_cut_off = len(ran) >= limits.no_gradient_frames and bool((ran > 0).all())
    # So is one whose own optimizer steps each time without any gradient, as in a game.
    is_idle = not last.size and seen.is_always_idle(layer)
    if is_idle or (is_cut_off and (not last.size or (steady and not before))):
        needed = float(limits.no_gradient_certain)
    else:
        least = limits.no_gradient_after if steady else limits.no_gradient_steps
        needed = max(RARER * before, RAREST * seen.gap_of_alike(layer), float(least))
    return since if window.step - since + 1 >= needed else None


def _unlikely(present: int, before: int, absent: int, limits: Thresholds) -> bool:
    """Whether it is unlikely that the layer is still in use and was only not used in these frames.

    Judged by how often it was used before. For a layer that was never used nothing is known of
    that, so twice as many frames are required.

    Args:
        present: frames with a gradient.
        before: all frames up to the last of those.
        absent: frames without one since.
        limits: the bounds in force.
    """
    if not present:
        return absent >= limits.no_gradient_frames
    return (1 - present / (before + 1)) ** absent < limits.no_gradient_chance
