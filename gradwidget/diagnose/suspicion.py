"""What a single frame shows and no rule is sure of yet: more samples would then tell.

A sampled run of quick steps has a frame in a hundred, and no rule makes a finding of one. The same
rules, asked about the newest frame alone, say what more samples are worth.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from gradwidget.diagnose.finding import Symptom
from gradwidget.token_bucket import TokenBucket

SERIES = 11
"""Steps in a row that are sampled for a suspicion, as capture allows for a diagnosis.

For as many samples it is watched after that, and so is what comes of a new finding.
"""
SERIES_IN_A_ROW = 2
"""Series that the same suspicion is worth before it is only watched."""


class Wanted(NamedTuple):
    """What should be sampled more closely than usual."""

    series: bool = False
    """Whether the next steps should be sampled, as many as a rule needs."""
    watch: bool = False
    """Whether samples should be made more often, until this is taken back."""


class Suspicion:
    """Remembers what is suspected, and how much was sampled for it already.

    Example:
        >>> suspicion = Suspicion()
        >>> suspicion.wanted([Symptom.DEAD_RELU], apart=True, opened=False)
        Wanted(series=True, watch=True)
        >>> Symptom.DEAD_RELU in suspicion
        True
        >>> suspicion.wanted([Symptom.DEAD_RELU], apart=False, opened=False)
        Wanted(series=False, watch=True)
        >>> suspicion.wanted([], apart=False, opened=False)
        Wanted(series=False, watch=False)
    """

    def __init__(self) -> None:
        self._now: frozenset[Symptom] = frozenset()
        self._samples: dict[Symptom, TokenBucket] = {}
        """What may still be sampled for each; an ordinary sample that does not show it adds one."""
        self._to_watch = 0
        self._left = 0

    def __contains__(self, symptom: Symptom) -> bool:
        """Whether the newest frame showed it, or, of an open finding, showed no more of it."""
        return symptom in self._now

    def wanted(self, suspects: Collection[Symptom], *, apart: bool, opened: bool) -> Wanted:
        """What should be sampled more closely.

        Args:
            suspects: the symptoms that the newest frame shows and no finding says, or the other way
                round.
            apart: whether steps went unmeasured before the newest frame.
            opened: whether the newest frame opened a finding. What comes of it is watched for a
                while.
        """
        self._to_watch = SERIES if opened else max(self._to_watch - apart, 0)
        # A suspicion counts where it arises, at ordinary samples and where a series did not settle
        # it, not at every frame between.
        self._left = max(self._left - 1, 0)
        fresh = set(suspects) if apart or not self._left else set(suspects) - self._now
        self._now = frozenset(suspects)
        if apart:
            for symptom in self._samples.keys() - fresh:
                self._samples[symptom].fill(1)
        # Each pays for a series while it can and leaves enough to be watched after the last one.
        series = False
        for symptom in fresh:
            burst = (SERIES_IN_A_ROW + 1) * SERIES
            bucket = self._samples.setdefault(symptom, TokenBucket(burst))
            pays = bucket.balance >= 2 * SERIES
            bucket.take(SERIES if pays else 1)
            series |= pays
        if series:
            self._left = SERIES
        is_watched = any(self._samples[symptom].balance for symptom in suspects)
        return Wanted(series, is_watched or self._to_watch > 0)
