"""What a single frame shows and no rule is sure of yet: the next steps are then worth measuring in full.

A sampled run of quick steps has a frame in a hundred, and no rule makes a finding of one. The same rules, asked about
the newest frame alone, say what to look closer at.
"""

from __future__ import annotations

from collections.abc import Collection

from gradwidget.diagnose.finding import Symptom

FOLLOW = 12
"""Steps to measure in full, the one that raised the suspicion included: more than half of the frames that a rule judges
by, and some to spare."""
GRANTS = 3.0
"""Times that the same suspicion is followed, one after the other, before it is left to the ordinary samples."""
REGAINED = 0.125
"""Part of a grant that a suspicion gets back at an ordinary sample that does not show it."""


class Suspicion:
    """Remembers what is suspected, and what was followed already.

    Example:
        >>> suspicion = Suspicion()
        >>> suspicion.steps_wanted([Symptom.DEAD_RELU], apart=True), Symptom.DEAD_RELU in suspicion
        (12, True)
        >>> suspicion.steps_wanted([Symptom.DEAD_RELU], apart=False), suspicion.steps_wanted([], apart=False)
        (0, 0)
    """

    def __init__(self) -> None:
        self._now: frozenset[Symptom] = frozenset()
        self._used: dict[Symptom, float] = {}
        self._left = 0

    def __contains__(self, symptom: Symptom) -> bool:
        """Whether the newest frame showed it, or, of an open finding, showed no more of it."""
        return symptom in self._now

    def steps_wanted(self, suspects: Collection[Symptom], *, apart: bool) -> int:
        """How many of the next steps should be measured in full.

        Args:
            suspects: the symptoms that the newest frame shows and no finding says, or the other way round.
            apart: whether steps went unmeasured before the newest frame.
        """
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
        if granted:
            self._left = FOLLOW - 1  # the step that is just over is counted among them
        return FOLLOW if granted else 0
