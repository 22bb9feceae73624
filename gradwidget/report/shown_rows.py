"""Which layers a list of limited length shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gradwidget.diagnose.summary.layer_state import CALM, LayerState

MOST_ROWS = 30
"""Layers listed one by one where a report must fit a screen."""


def shown_rows(states: Sequence[LayerState], most: int = MOST_ROWS) -> list[int]:
    """Places of the layers to list, in the order of the network.

    Where there are more than ``most``, those that something is wrong with come first.

    Example:
        >>> shown_rows([LayerState.OK, LayerState.DEAD, LayerState.OK], most=2)
        [0, 1]
    """
    by_need = sorted(range(len(states)), key=lambda place: states[place] in CALM)
    return sorted(by_need[:most])


def the_rest(states: Sequence[LayerState], shown: Sequence[int]) -> str:
    """The layers that are not listed, in words; empty where all are.

    Example:
        >>> the_rest([LayerState.OK, LayerState.DEAD, LayerState.OK], [1])
        'and 2 more layers: 2 ok'
    """
    listed = set(shown)
    left = Counter(state.value for place, state in enumerate(states) if place not in listed)
    if not left:
        return ""
    count = left.total()
    kinds = ", ".join(f"{number} {word}" for word, number in left.most_common())
    return f"and {count} more layer{'s' if count > 1 else ''}: {kinds}"
