"""The processes of a training as lines of a report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from gradwidget.frame import Standing
from gradwidget.record.ranks import Rank
from gradwidget.wording import shown

MOST = 8
"""Processes that are listed; of more, those that something is to be said of."""


@dataclass(frozen=True, slots=True)
class Processes:
    """What a report says of the processes that watch the same model."""

    standing: Standing = field(default_factory=Standing)
    """How the figures of this one stand to those of the others."""

    ranks: Sequence[Rank] = ()
    """Each of them, as far as it has told."""

    @property
    def headline(self) -> str:
        """What stands in the place of a verdict; empty where this process judges."""
        judge = self.standing.judge
        return "" if judge is None else f"Judged by rank {judge}, for all processes"


ALONE = Processes()
"""Where there is only this one."""


def rank_lines(ranks: Sequence[Rank]) -> list[str]:
    r"""One line for each process; none where there is only one.

    Example:
        >>> one = Rank(0, step=3, loss=0.5, seconds=0.01)
        >>> other = Rank(1, 3, math.nan, 0.01, nonfinite_step=3, nonfinite_phase="loss")
        >>> print(*rank_lines([one, other]), sep="\n")
        processes
          rank 0  loss 0.5  10 ms a step by itself
          rank 1  loss nan  10 ms a step by itself · first not finite: step 3 (loss)
    """
    if len(ranks) < 2:
        return []
    remarks = {one.rank: _remarks(one) for one in ranks}
    chosen = [one for one in ranks if len(ranks) <= MOST or remarks[one.rank]][:MOST]
    width = len(str(max(one.rank for one in ranks)))
    rest = len(ranks) - len(chosen)
    return [
        "processes",
        *[f"  rank {one.rank:{width}}  {_figures(one)}{remarks[one.rank]}" for one in chosen],
        *([f"  and {rest} more, of which there is nothing to say"] if rest else []),
    ]


def _figures(one: Rank) -> str:
    words = [f"loss {shown(one.loss)}"]
    if not math.isnan(one.seconds):
        words.append(f"{1000 * one.seconds:.3g} ms a step by itself")
    return "  ".join(words)


def _remarks(one: Rank) -> str:
    words = []
    if one.nonfinite_step is not None:
        words.append(f"first not finite: step {one.nonfinite_step:,} ({one.nonfinite_phase})")
    if one.lags:
        words.append("the others wait for it")
    if one.apart_since is not None:
        words.append(f"other weights since step {one.apart_since:,}")
    return "".join(f" · {word}" for word in words)
