"""The processes of a training as lines of a report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from gradwidget.frame import Standing
from gradwidget.record.rank_log import Rank
from gradwidget.wording import shown

MOST = 8
"""Processes that are listed; of more, those that something is to be said of."""


@dataclass(frozen=True, slots=True)
class Processes:
    """What a report says of the processes that watch the same model."""

    standing: Standing = field(default_factory=Standing)
    """How the statistics of this one relate to those of the others."""

    ranks: Sequence[Rank] = ()
    """Each of them, as far as it has told."""

    @property
    def headline(self) -> str:
        """What stands in the place of a verdict; empty where this process judges."""
        judge = self.standing.judge
        return "" if judge is None else f"Judged by rank {judge}, for all processes"

    @property
    def summary(self) -> str:
        """How many there are, and what is to be said first; empty where there is only this one.

        Example:
            >>> Processes(ranks=[Rank(0, 3, 0.5, 0.01), Rank(1, 3, 0.5, 0.9, lags=True)]).summary
            '2 processes · rank 1: the others wait for it'
        """
        if len(self.ranks) < 2:
            return "one of several processes" if self.standing.notes else ""
        said = ((one.rank, remarks(one)) for one in self.ranks)
        first = next((f" · rank {rank}: {words}" for rank, words in said if words), "")
        return f"{len(self.ranks):,} processes{first}"


ALONE = Processes()
"""Where there is only this one."""


def listed(ranks: Sequence[Rank]) -> tuple[list[Rank], str]:
    """The processes that are listed, and how many more there are, in words; empty for none.

    Of many, those that something is to be said of.
    """
    chosen = [one for one in ranks if len(ranks) <= MOST or remarks(one)][:MOST]
    rest = len(ranks) - len(chosen)
    return chosen, f"and {rest:,} more" if rest else ""


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
    chosen, rest = listed(ranks)
    width = len(str(max(one.rank for one in ranks)))
    lines = []
    for one in chosen:
        figures = [f"rank {one.rank:{width}}", f"loss {shown(one.loss)}"]
        figures += [f"{time} a step by itself"] if (time := own_time(one)) else []
        said = f" · {words}" if (words := remarks(one)) else ""
        lines.append(f"  {'  '.join(figures)}{said}")
    return ["processes", *lines, *([f"  {rest}"] if rest else [])]


def own_time(one: Rank) -> str:
    """How long it works in a step before it waits for others; empty where that is not known."""
    return "" if math.isnan(one.seconds) else f"{1000 * one.seconds:.3g} ms"


def remarks(one: Rank) -> str:
    """What is to be said of it besides its statistics; empty where that is nothing."""
    words = []
    if one.nonfinite_step is not None:
        words.append(f"first not finite: step {one.nonfinite_step:,} ({one.nonfinite_phase})")
    if one.lags:
        words.append("the others wait for it")
    if one.apart_since is not None:
        words.append(f"other weights since step {one.apart_since:,}")
    return " · ".join(words)
