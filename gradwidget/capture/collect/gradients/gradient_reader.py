"""Reads gradients after the backward pass and before the step: large ones once, where that does."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from torch import Tensor

from gradwidget.capture.collect.gradients.reading_once import ReadingOnce
from gradwidget.capture.collect.gradients.untouched import Untouched, can_be_watched
from gradwidget.capture.guard import Guard
from gradwidget.capture.stats.measured_tensors import Reading, beside, read
from gradwidget.capture.stats.norms import large_norm
from gradwidget.capture.stats.readback import Fetch, Readback, Values
from gradwidget.capture.stats.tensor_stats import L2, NONFINITE, measure, measure_l2, of_large

LARGE = 1 << 20
"""Entries of a gradient that is worth being watched."""
TOLERANCE = 1e-5
"""What a norm may differ by that was computed in another way."""
WATCHING = "watching large gradients"


class GradientReader:
    """The gradients of one step.

    Right after a pass their norms are needed, before the step all their statistics. Large ones are
    watched in between. Where a loop is known to leave them alone they are read in full after the
    pass; whatever was touched then all the same is read again.

    Args:
        readback: brings the statistics.
        guard: contains failures.
        once: decides whether they are read once.
    """

    def __init__(self, readback: Readback, guard: Guard, once: ReadingOnce) -> None:
        self._readback = readback
        self._guard = guard
        self._once = once
        self._passes = 0
        self._watched: dict[int, Untouched] = {}
        self._norms: dict[int, float] = {}
        """Of those, after the pass."""
        self._found: dict[int, Values] = {}
        """All statistics [5] of those that were read in full."""
        self._used: set[int] = set()
        self._is_touched = False

    def after_pass(self, gradients: Mapping[int, Tensor], *, are_in_place: bool) -> Reading:
        """The L2 norms of what a backward pass has left.

        Args:
            gradients: by the number of the parameter.
            are_in_place: whether they are those of the parameters.
        """
        self._passes += 1
        self._watched, self._norms, self._found = {}, {}, {}
        # Where one pass follows another, each changes what the one before has left.
        if are_in_place and self._passes == 1:
            large = {number: one for number, one in gradients.items() if one.numel() >= LARGE}
            if large:
                self._guard.run(WATCHING, self._watch, large)
        norms = self._norms
        if not norms:
            return self._read(gradients, measure_l2)
        known = Reading(list(norms), lambda: np.array(list(norms.values())))
        rest = {number: one for number, one in gradients.items() if number not in norms}
        return beside(known, self._read(rest, measure_l2))

    def before_step(self, gradients: Mapping[int, Tensor]) -> list[Reading]:
        """All statistics of what an optimizer is about to use."""
        still = self._guard.run(WATCHING, self._untouched, gradients) if self._watched else None
        if not still:
            return [self._read(gradients, measure)]
        rest = {number: one for number, one in gradients.items() if number not in still}
        if self._found:
            columns = [self._found[number] for number in still]
            reading = Reading(still, lambda: np.stack(columns, axis=1))
        else:
            reading = self._read({number: gradients[number] for number in still}, measure)
            self._compare(reading)
        self._used.update(still)
        return [reading, self._read(rest, measure)]

    def finish(self) -> None:
        """Nothing is read any more: what was seen decides how it is done in later steps."""
        if self._watched or self._passes > 1:
            is_used = self._passes == 1 and self._used == self._watched.keys()
            self._once.step_ended(untouched=is_used and not self._is_touched)

    def _watch(self, large: Mapping[int, Tensor]) -> None:
        """Reads those that can be watched: in full where that will do for the step."""
        is_once = self._once.is_due
        for number, one in large.items():
            if not can_be_watched(one):
                continue
            # Before it is read: another library may still be writing.
            watched, entries = Untouched(one), one.detach()
            if is_once:
                found, piece = of_large(entries, sums=True)
                # One that is not finite may be mended, which can show in no more than an entry.
                if found[NONFINITE] == 0:
                    watched.note_largest(one, piece)
                    self._found[number] = found
                norm = float(found[L2])
            else:
                norm = large_norm(entries)
            self._watched[number], self._norms[number] = watched, norm

    def _untouched(self, gradients: Mapping[int, Tensor]) -> list[int]:
        """Numbers of those that are as they were after the pass."""
        chosen = [number for number in gradients if number in self._watched]
        still = [
            number
            for number in chosen
            if (number in self._found or not self._found)
            and self._watched[number].is_still(gradients[number])
        ]
        self._is_touched |= len(still) < len(chosen)
        return still

    def _compare(self, reading: Reading) -> None:
        """Whether norms are those after the pass: some changes show in no entry looked at."""
        for number, norm in zip(reading.numbers, reading.fetch()[L2].tolist(), strict=True):
            is_same = math.isclose(norm, self._norms[number], rel_tol=TOLERANCE)
            self._is_touched |= not is_same

    def _read(self, tensors: Mapping[int, Tensor], measure: Callable[..., Fetch]) -> Reading:
        return read(tensors, partial(measure, readback=self._readback), self._guard)
