"""Which parameters are sharded, and what of them this process has."""

from __future__ import annotations

from collections.abc import Container, Mapping

import numpy as np

from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.model.local_part import is_counted, local_part, ranks_of
from gradwidget.capture.processes.merged_statistics import MergedStatistics, Statistics, packed
from gradwidget.capture.stats.readback import Values


class ShardedParameters:
    """The sharded parameters of a model at the end of a step.

    Args:
        table: the layers.
        measured: numbers of the parameters that are measured.

    Example:
        >>> from torch import nn
        >>> ShardedParameters(LayerTable(nn.Linear(2, 1), None), {0, 1}).holders
        frozenset()
    """

    def __init__(self, table: LayerTable, measured: Container[int]) -> None:
        self._table = table
        self.numbers = [number for number in table.sharded if number in measured]
        """Their numbers."""
        self._counted = np.zeros(len(self.numbers), np.bool_)
        self._holders: list[frozenset[int]] = []
        """The ranks that hold the parts of each: others may hold another copy of it."""
        parameters = table.tensors() if self.numbers else []
        for place, number in enumerate(self.numbers):
            one = parameters[number]
            self._holders.append(frozenset() if one is None else ranks_of(one))
            if one is not None:
                # An empty part adds nothing, and is not read.
                self._counted[place] = is_counted(one) and local_part(one).numel() > 0

    def packed(self, found: Statistics) -> Values:
        """The statistics of this process's parts, to be told the others."""
        return packed(found, self.numbers, self._counted)

    @property
    def holders(self) -> frozenset[int]:
        """Ranks of the processes that hold parts of any of them."""
        return frozenset().union(*self._holders)

    def merged(self, parts: Mapping[int, Values]) -> MergedStatistics | None:
        """What all have together; None where nobody has told of their parts.

        Args:
            parts: what each process has packed, by rank.
        """
        if not parts:
            return None
        chosen = np.array([[rank in ranks for ranks in self._holders] for rank in parts])
        return MergedStatistics(self.numbers, list(parts.values()), chosen)

    def layers(self, numbers: list[int]) -> list[str]:
        """The names of the layers that own some of them."""
        return sorted({layer for number in numbers for layer, _ in self._table.names_of(number)})
