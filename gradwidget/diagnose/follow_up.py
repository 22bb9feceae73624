"""What a single frame shows and no rule is sure of yet: the next steps are then worth measuring in
full.

A sampled run of quick steps has a frame in a hundred, and no rule makes a finding of one. The same
rules, asked about the newest frame alone, say what to look closer at.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from gradwidget.diagnose.finding import Symptom

FOLLOW = 11
"""Steps to measure in full after the one that raised a suspicion: more than half of the frames that
a rule judges by, and some to spare."""
GRANTS = 2.0
"""Times that the same suspicion is followed, one after the other, before it is only watched."""
WATCH = 10
"""Steps between two samples while something is watched: what takes its time is not to be measured
at every step."""
WATCHED = 12
"""Samples for which the same suspicion, or what was found last, is watched before it is left to the
ordinary ones."""
REGAINED = 0.125
"""Part of a grant that a suspicion gets back at an ordinary sample that does not show it."""


class Wanted(NamedTuple):
    """What should be measured more closely than usual."""

    steps: int = 0
    """How many of the next steps, in full."""

    every: int = 0
    """After that, a sample at least every so many steps; 0 for as rarely as ever."""


class Suspicion:
    """Remembers what is suspected, and what was followed already.

    Example:
        >>> suspicion = Suspicion()
        >>> suspicion.wanted([Symptom.DEAD_RELU], apart=True, opened=False), Symptom.DEAD_RELU in suspicion
        (Wanted(steps=11, every=10), True)
        >>> suspicion.wanted([Symptom.DEAD_RELU], apart=False, opened=False)
        Wanted(steps=0, every=10)
        >>> suspicion.wanted([], apart=False, opened=False)
        Wanted(steps=0, every=0)
    """

    def __init__(self) -> None:
        self._now: frozenset[Symptom] = frozenset()
        self._used: dict[Symptom, float] = {}
        self._left = 0
        self._to_watch = 0

    def __contains__(self, symptom: Symptom) -> bool:
        """Whether the newest frame showed it, or, of an open finding, showed no more of it."""
        return symptom in self._now

    def wanted(self, suspects: Collection[Symptom], *, apart: bool, opened: bool) -> Wanted:
        """What should be measured more closely.

        Args:
            suspects: the symptoms that the newest frame shows and no finding says, or the other way
                round.
            apart: whether steps went unmeasured before the newest frame.
            opened: whether the newest frame opened a finding. What comes of it is watched for a
                while.
        """
        self._to_watch = WATCHED if opened else max(self._to_watch - apart, 0)
        self._left = max(self._left - 1, 0)
        # What is still open when the steps that were asked for are over is followed on.
        fresh = set(suspects) if apart or not self._left else set(suspects) - self._now
        if apart:
            for symptom in self._used.keys() - fresh:
                self._used[symptom] = max(self._used[symptom] - REGAINED, 0.0)
        self._now = frozenset(suspects)
        granted = [symptom for symptom in fresh if self._used.get(symptom, 0.0) <= GRANTS - 1]
        for symptom in granted:
            self._used[symptom] = self._used.get(symptom, 0.0) + 1
        watched = [symptom for symptom in suspects if self._used.get(symptom, 0.0) < GRANTS + 1]
        for symptom in fresh - set(granted):
            self._used[symptom] = min(self._used.get(symptom, 0.0) + 1 / WATCHED, GRANTS + 1)
        if granted:
            self._left = FOLLOW
        return Wanted(FOLLOW if granted else 0, WATCH if watched or self._to_watch else 0)
