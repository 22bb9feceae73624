"""What became of each process of a training that is spread over several."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gradwidget.frame import RankPart

MEMORY = 0.2
"""Part of a mean that the newest value makes up: it is of the last ten steps, about."""
LAG = 1.5
"""Times that a process takes as long as the others do usually, when it lags."""
NOTICEABLE = 0.005
"""Seconds below which nobody lags."""
OWN = ("input", "forward", "loss")
"""Phases that a process has by itself; what comes after them spreads to all."""


@dataclass(frozen=True, slots=True)
class Rank:
    """One process, as far as it has told.

    Example:
        >>> Rank(2, step=7, loss=0.5, seconds=0.02).lags
        False
    """

    rank: int
    """Its number."""

    step: int
    """The newest step that it has told of."""

    loss: float
    """Its own loss in that step; NaN where it had none, or one that is NaN."""

    seconds: float
    """From the end of a backward pass until it first had to wait for the others in the next step,
    without what gradwidget took, lately."""

    lags: bool = False
    """Whether the others have to wait for it."""

    nonfinite_step: int | None = None
    """The step in which something of its own was not finite, where it was the first to have that.
    """

    nonfinite_phase: str = ""
    """Where that was: ``"input"``, ``"forward"`` or ``"loss"``."""

    apart_since: int | None = None
    """The step since when its copy of the weights is another than that of the process that judges;
    None where it is the same."""


class RankLog:
    """Keeps what each process has told last, and what was the first of its kind.

    Example:
        >>> log = RankLog()
        >>> log.add(3, (RankPart(0, 0.5, 0.01), RankPart(1, math.nan, 0.01, "loss")))
        >>> [(one.rank, one.nonfinite_step) for one in log.ranks]
        [(0, None), (1, 3)]
    """

    def __init__(self) -> None:
        self._known: dict[int, Rank] = {}
        self._was_finite = True

    @property
    def ranks(self) -> tuple[Rank, ...]:
        """Each process that has told of a step, by number."""
        return tuple(self._known[number] for number in sorted(self._known))

    def add(self, step: int, parts: Sequence[RankPart]) -> None:
        """Takes what the processes have told of a step."""
        if len(parts) < 2:
            return
        phases = [part.phase for part in parts if part.phase in OWN]
        first = min(phases, key=OWN.index) if phases and self._was_finite else None
        self._was_finite = all(not part.phase for part in parts)
        for part in parts:
            known = self._known.get(part.rank, Rank(part.rank, step, math.nan, part.seconds))
            apart = step if known.apart_since is None else known.apart_since
            is_first = part.phase == first and known.nonfinite_step is None
            self._known[part.rank] = replace(
                known,
                step=step,
                loss=part.loss,
                seconds=_mean(known.seconds, part.seconds),
                nonfinite_step=step if is_first else known.nonfinite_step,
                nonfinite_phase=part.phase if is_first else known.nonfinite_phase,
                apart_since=apart if part.apart else None,
            )
        self._note_lags()

    def _note_lags(self) -> None:
        taken = np.array([one.seconds for one in self._known.values()])
        for place, (number, one) in enumerate(list(self._known.items())):
            others = np.delete(taken, place)
            usual = float(np.median(others[~np.isnan(others)])) if len(others) else math.nan
            lags = one.seconds > LAG * usual and one.seconds - usual > NOTICEABLE
            self._known[number] = replace(one, lags=lags)


def _mean(known: float, new: float) -> float:
    if math.isnan(known) or math.isnan(new):
        return known if math.isnan(new) else new
    return known + MEMORY * (new - known)
