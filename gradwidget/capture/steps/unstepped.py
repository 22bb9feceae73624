"""Backward passes that no step follows: their gradients are thrown away, or only ever added up."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn

from gradwidget.capture.model.unreadable import unreadable
from gradwidget.capture.stats.readback import Fetch, Readback
from gradwidget.capture.steps.backward_detector import BackwardDetector
from gradwidget.capture.steps.manual_updates import SAMPLED, Mark, mark_of

CLEARED = 8
"""Passes in a row, each after gradients that were cleared unused, after which no step is expected
any more. What clears gradients between two steps on purpose does so a few times."""
ADDED = 64
"""Passes of any kind after which none is: more micro-batches are rarely accumulated."""
PATIENCE = 2
"""How many times as many as were followed by a step once are waited for from then on."""
SUSPICIOUS = 4
"""Passes after which weights are compared, which costs a little."""


class UnsteppedPasses:
    """Counts passes since an optimizer stepped or the weights changed.

    Once there are so many that no step is to be expected, each pass counts as a step of its own,
    until there is one.

    Args:
        detector: chooses the parameters that are compared.
    """

    def __init__(self, detector: BackwardDetector) -> None:
        self._detector = detector
        self.is_overdue = False
        """Whether a step was to be expected long ago."""
        self._longest = self._passes = 0
        self.stepped()

    def stepped(self) -> None:
        """An optimizer has stepped, or the weights have changed."""
        self._longest = max(self._longest, self._passes)
        self._is_stepping = False
        self._passes = self._run = 0
        self._has_passed = self.is_overdue = False
        self._marks: list[Mark] | None = None
        self._sums: list[Fetch] = []
        self._verdict: Fetch | None = None

    @property
    def count(self) -> int:
        """Passes since an optimizer stepped or the weights changed."""
        return self._passes

    @property
    def is_due(self) -> bool:
        """Whether a pass that counts as a step has ended since the last one."""
        return self.is_overdue and self._has_passed and not self._is_stepping

    def pass_ended(self, readback: Readback | None, *, cleared: bool) -> None:
        """A pass has reached the model.

        Args:
            readback: brings values; None in a step in which none are read.
            cleared: whether gradients were cleared between the one before and this one.
        """
        if self._passes >= SUSPICIOUS and self._weights_changed():
            self.stepped()
        self._passes += 1
        self._run = self._run + 1 if cleared or self._passes == 1 else 0
        self._has_passed = True
        patience = PATIENCE * self._longest
        if self._run >= max(CLEARED, patience) or self._passes >= max(ADDED, patience):
            self.is_overdue = True
        if self._passes >= SUSPICIOUS and readback is not None:
            self._compare_later(readback)

    def step_begins(self) -> None:
        """An optimizer is about to step: passes inside of it are evaluations of its closure."""
        self._is_stepping = True

    def take(self) -> Fetch:
        """The pass that has ended now counts as a step.

        Returns:
            A function that gives how many passes there have been without one; NaN where the weights
            turn out to have changed, or that was not seen.
        """
        self._has_passed = False
        passes, verdict = float(self._passes), self._verdict
        return lambda: np.array(passes if verdict is not None and verdict() else math.nan)

    def _weights_changed(self) -> bool:
        probed = self._detector.probed()
        if probed is None:
            return False
        marks = [mark_of(one) for one in probed]
        before, self._marks = self._marks, marks
        return before is not None and before != marks

    def _compare_later(self, readback: Readback) -> None:
        # On an accelerator a change through ``.data`` leaves no other sign.
        probed = self._detector.probed()
        if not probed:
            return
        self._sums = [*self._sums[-1:], _sums(probed, readback)]
        if len(self._sums) == 2:
            before, now = self._sums
            self._verdict = lambda: np.array(np.array_equal(before(), now(), equal_nan=True))


def _sums(weights: list[nn.Parameter], readback: Readback) -> Fetch:
    """Sums of some entries of weights."""
    fetches = [
        readback.add(one.detach().reshape(-1)[:: 1 + one.numel() // SAMPLED].float().sum())
        for one in weights
        if unreadable(one) is None and one.layout is torch.strided and not one.is_complex()
    ]
    return lambda: np.array([float(fetch()) for fetch in fetches])
