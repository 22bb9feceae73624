"""How far the units of a layer are apart by their weights, where they began as copies.

As of weights that all are one constant. Nearly no layer is so: the first sampled step compares two
units of each, and after it only what was found alike is read again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.model.unreadable import plain, unreadable
from gradwidget.capture.stats.per_layer import Column
from gradwidget.capture.stats.readback import Fetch, Readback
from gradwidget.capture.stats.tensor_stats import alike, stacked
from gradwidget.frame import Layer

COPY_LIMIT = 1e-2
"""Difference over the largest weight at which units are no copies, and are not read again.

Rounding keeps copies far closer for long; units drawn at random differ by about that weight.
"""
FEW = 256
"""Weights of each of two units that are compared at first."""
MOST = 2**20
"""Weights of a layer that are compared after it; of larger ones some columns, in every row."""


@dataclass(slots=True)
class Differences:
    """Those of the units of some layers, on their way from the device."""

    layers: list[str]
    fetch: Fetch
    """Float64 [layers]: as ``_difference`` gives them."""
    is_full: bool
    """Whether all units were compared."""


class AlikeUnits:
    """Remembers, from step to step, which layers may still have units that are alike."""

    def __init__(self) -> None:
        self._generation = -1
        self._left: dict[str, tuple[int, bool]] = {}
        self._near: set[str] = set()

    def read(self, table: LayerTable, readback: Readback) -> list[Differences]:
        """The differences of the units of all layers that are still of interest."""
        if self._generation != table.generation:
            self._generation, self._near = table.generation, set()
            self._left = _layers_with_units(table)
        rows: dict[bool, dict[str, Tensor]] = {False: {}, True: {}}
        parameters = table.tensors() if self._left else []
        apart = set(table.sharded)
        for name, (number, is_turned) in self._left.items():
            one = parameters[number]
            if one is None or name in table.unread or number in apart:
                continue
            if unreadable(one) is not None or not one.is_floating_point() or one.is_sparse:
                continue
            units = plain(one).transpose(0, 1) if is_turned else plain(one)
            is_full = name in self._near
            rows[is_full][name] = _compared(units, is_full=is_full)
        return [
            one
            for is_full, by_name in rows.items()
            for one in _differences(by_name, readback, is_full=is_full)
        ]

    def column(self, layers: Sequence[Layer], read: Sequence[Differences]) -> Column:
        """The metric ``unit_difference``, of the layers whose units were all compared.

        Args:
            layers: rows of the column.
            read: what ``read`` gave. Only once its readback is ready.
        """
        values = np.full(len(layers), np.nan)
        row = {layer.name: number for number, layer in enumerate(layers)}
        for one in read:
            for name, difference in zip(one.layers, one.fetch().tolist(), strict=True):
                if name not in row:
                    continue
                if one.is_full:
                    values[row[name]] = difference
                if difference < COPY_LIMIT:
                    self._near.add(name)
                else:  # so is one that is not a number
                    self._left.pop(name, None)
        return Column(values, ~np.isnan(values))


def _layers_with_units(table: LayerTable) -> dict[str, tuple[int, bool]]:
    """The number of the only matrix of each layer that has one, and whether its columns are units.

    No tables, whose rows are looked up, and no scales, which are one number for each unit.
    """
    found = {}
    for layer in table.layers:
        matrices = [local for local, shape in layer.shapes.items() if len(shape) > 1]
        if len(matrices) != 1 or not layer.trainable or "Embedding" in layer.kind:
            continue
        is_turned = layer.kind.startswith("ConvTranspose")
        shape = layer.shapes[matrices[0]]
        units, entries = shape[1 if is_turned else 0], math.prod(shape)
        if 1 < units <= entries and (len(shape) == 2 or entries > units):
            found[layer.name] = table.numbers_of(layer.name)[matrices[0]], is_turned
    return found


def _differences(
    rows: Mapping[str, Tensor], readback: Readback, *, is_full: bool
) -> Iterator[Differences]:
    """Those of matrices [units, entries] of layers, by their names, many in each call of torch."""
    names, matrices = list(rows), list(rows.values())
    for group in alike(matrices):
        together = matrices[group[0]][None] if len(group) == 1 else stacked(matrices, group)
        rows_of_each = together if is_full else together[:, :2]
        fetch = readback.add(_difference(rows_of_each.float()))
        yield Differences([names[number] for number in group], fetch, is_full)


def _compared(units: Tensor, *, is_full: bool) -> Tensor:
    """What is compared of the units of a layer [units, ...]: a matrix [units, entries].

    A view: large ones are not copied. What is small is cut once for all that are alike.
    """
    if units.dim() == 2 and units.numel() <= FEW:
        return units
    columns = max(1, MOST // len(units)) if is_full else FEW
    rows = units if is_full else units[:2]
    while rows.dim() > 2 and rows[0].numel() > columns:
        rows = rows[:, 0]
    rows = rows.flatten(1) if rows.dim() > 2 else rows
    return rows[:, :columns] if rows.shape[1] > columns else rows


def _difference(units: Tensor) -> Tensor:
    """Float32 [layers] of [layers, units, entries].

    The largest difference from the first unit over the largest weight; NaN where all are 0.
    """
    return (units - units[:, :1]).abs().amax((1, 2)) / units.abs().amax((1, 2))
