"""What was read of the parameters in a step, as metrics of their layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from torch import nn

from gradwidget.capture.processes.merged_statistics import HEIGHTS, MergedStatistics
from gradwidget.capture.stats.measured_tensors import Reading, flags, joined, refused_in
from gradwidget.capture.stats.per_layer import Column, Numbers, PerLayer
from gradwidget.capture.stats.readback import Fetch, Values
from gradwidget.capture.stats.tensor_stats import L2
from gradwidget.frame import BoolArray

Parameters = Sequence[nn.Parameter | None]
"""All parameters of the layers, by number; None where one no longer exists."""


class ParameterColumns(NamedTuple):
    """The metrics of one step that come from its parameters."""

    columns: dict[str, Column]
    scalars: dict[str, float]
    """The norms over all of them."""
    changes: Column | None
    """How far the step moved each layer; None where that was not read."""


class ParameterReadings:
    """Readings on their way from the device, and which parameters they are of."""

    def __init__(self) -> None:
        self.raw: Reading | None = None
        """Norms of the gradients right after the backward pass."""
        self.raw_scale: Fetch | None = None
        """By what a gradient scaler has multiplied those."""
        self.spent: set[int] = set()
        """Numbers of parameters whose raw gradients an earlier step has used."""
        self.gradients: list[Reading] = []
        self.weights: list[Reading] = []
        self.changes: list[Reading] = []
        self.lost: list[Reading] = []
        """Updates that were lost to rounding."""
        self.held: set[int] = set()
        """Numbers of the parameters that an optimizer of the step holds."""
        self._sizes: dict[int, int] = {}
        self._matrices: set[int] = set()

    @property
    def of_gradients(self) -> list[Reading]:
        """Everything that was read of gradients."""
        return self.gradients if self.raw is None else [*self.gradients, self.raw]

    def unused(self) -> set[int] | None:
        """Numbers of the parameters with a gradient that no step has used.

        None where no backward pass was read.
        """
        return None if self.raw is None else set(self.raw.numbers) - self.spent - self.held

    def inherit(self, before: ParameterReadings) -> None:
        """Takes over the raw gradients that the step before has left."""
        self.raw, self.raw_scale = before.raw, before.raw_scale
        self.spent = before.spent | before.held

    def forget_statistics(self) -> None:
        """Drops gradients and weights read earlier in this step: a later reading replaces them."""
        self.gradients, self.weights, self.held = [], [], set()

    def note_sizes(self, parameters: Parameters, numbers: Iterable[int]) -> None:
        """Takes the sizes of some parameters, by number."""
        for number in numbers:
            one = parameters[number]
            if one is not None and number not in self._sizes:
                self._sizes[number] = one.numel()
                if one.dim() > 1:
                    self._matrices.add(number)

    def joined(
        self, count: int, merged: MergedStatistics | None = None
    ) -> dict[str, tuple[Values, BoolArray]]:
        """The statistics [statistics, count], and which parameters were read, by kind of reading.

        A kind that was not read is missing.

        Args:
            count: of all parameters.
            merged: what takes the place of this process's parts.
        """
        of_kind = {
            "gradients": self.gradients,
            "raw": [] if self.raw is None else [self.raw],
            "weights": self.weights,
            "changes": self.changes if self.weights else [],
            "lost": self.lost,
        }
        found = {
            kind: joined(readings, HEIGHTS[kind], count)
            for kind, readings in of_kind.items()
            if readings
        }
        if merged is not None:
            for kind, (values, are_read) in found.items():
                merged.fill(kind, values, are_read)
        return found

    def columns(
        self,
        rows: int,
        pairs: tuple[Numbers, Numbers],
        merged: MergedStatistics | None = None,
        apart: Mapping[int, str] | None = None,
    ) -> ParameterColumns:
        """The metrics of each layer. Only once the readback is ready.

        Args:
            rows: number of layers.
            pairs: numbers of the parameters, and the row of the layer that owns each.
            merged: see ``joined``.
            apart: why some parameters could not be merged, by number.
        """
        count = 1 + int(pairs[0].max(initial=-1))
        found, apart = self.joined(count, merged), apart or {}
        nothing = np.zeros((1, count)), np.zeros(count, np.bool_)
        sizes = np.zeros(count)
        sizes[list(self._sizes)] = list(self._sizes.values())
        place = PerLayer(rows, *pairs, sizes)
        columns: dict[str, Column] = {}
        scalars: dict[str, float] = {}
        changes: Column | None = None
        are_held = flags(list(self.held), count)
        if self.gradients:
            statistics, are_read = found["gradients"]
            of = place.without({**refused_in(self.gradients), **apart})
            columns |= of.gradient_columns(statistics, are_read)
            columns["grad_is_none"] = of.lacking(are_held, are_read)
            scalars["total_grad_norm"] = _norm(statistics[L2])
        if self.raw is not None:
            norms, are_read = found["raw"]
            norms /= float(self.raw_scale()) if self.raw_scale is not None else 1.0
            are_read &= ~flags(list(self.spent), count)
            norms, are_read = norms[0], are_read & are_held if self.held else are_read
            of = place.without({**self.raw.refused, **apart})
            columns["raw_grad_norm"] = of.norm(norms, are_read)
            scalars["raw_total_grad_norm"] = _norm(norms[are_read])
        if self.weights:
            weights, are_read = found["weights"]
            matrices = flags(list(self._matrices), count)
            of = place.without({**refused_in(self.weights), **apart})
            columns |= of.weight_columns(weights, are_read, matrices)
            moves, moved = found.get("changes", nothing)
            of = of.without(refused_in(self.changes))
            columns["update_ratio"] = of.ratio(moves[0], weights[L2], moved & are_read)
            columns["matrix_change"] = of.norm(moves[0], moved & are_read & matrices)
            changes = of.norm(moves[0], moved & are_read)
        if self.lost:
            counts, are_read = found["lost"]
            of = place.without(apart)
            columns["updates_lost_fraction"] = of.share(counts[0], counts[1], are_read)
        return ParameterColumns(columns, scalars, changes)


def _norm(norms: Values) -> float:
    return float(np.sqrt(np.sum(norms**2)))
