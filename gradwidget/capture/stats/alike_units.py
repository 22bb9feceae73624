"""How far the units of a layer are apart by their weights, where they began as copies.

As of weights that all are one constant. Nearly no layer is so: the first sampled step compares two
units of each, and after it only what was found alike is read again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.model.unreadable import plain, unreadable
from gradwidget.capture.stats.per_layer import Column
from gradwidget.capture.stats.readback import Fetch, Readback
from gradwidget.frame import Layer

COPY_LIMIT = 1e-2
"""Difference over the largest weight at which units are no copies, and are not read again.

Rounding keeps copies far closer for long; units drawn at random differ by about that weight.
"""
FEW = 256
"""Weights of each of two units that are compared at first."""
MOST = 2**20
"""Weights of a layer that are compared after it; of larger ones some columns, in every row."""


class AlikeUnits:
    """Remembers, from step to step, which layers may still have units that are alike."""

    def __init__(self) -> None:
        self._generation = -1
        self._left: dict[str, tuple[int, bool]] = {}
        self._near: set[str] = set()

    def read(self, table: LayerTable, readback: Readback) -> dict[str, Fetch]:
        """The difference of the units of each layer that is still of interest, by its name."""
        if self._generation != table.generation:
            self._generation, self._near = table.generation, set()
            self._left = _layers_with_units(table)
        found: dict[str, Fetch] = {}
        parameters = table.tensors() if self._left else []
        for name, (number, is_turned) in list(self._left.items()):
            one = parameters[number]
            if one is None or name in table.unread or number in table.sharded:
                continue
            if unreadable(one) is not None or not one.is_floating_point() or one.is_sparse:
                continue
            units = plain(one).transpose(0, 1) if is_turned else plain(one)
            found[name] = readback.add(_difference(units, is_full=name in self._near))
        return found

    def column(self, layers: Sequence[Layer], read: Mapping[str, Fetch]) -> Column:
        """The metric ``unit_difference``, of the layers whose units were all compared.

        Args:
            layers: rows of the column.
            read: what ``read`` gave. Only once its readback is ready.
        """
        values = np.full(len(layers), np.nan)
        for row, layer in enumerate(layers):
            if layer.name not in read:
                continue
            difference, is_full = read[layer.name]().tolist()
            if is_full:
                values[row] = difference
            if difference < COPY_LIMIT:
                self._near.add(layer.name)
            else:  # so is one that is not a number
                self._left.pop(layer.name, None)
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
        units, entries = shape[1 if is_turned else 0], int(np.prod(shape))
        if 1 < units <= entries and (len(shape) == 2 or entries > units):
            found[layer.name] = table.numbers_of(layer.name)[matrices[0]], is_turned
    return found


def _difference(units: Tensor, *, is_full: bool) -> Tensor:
    """Float32 [2]: the largest difference from the first unit over the largest weight, and a flag.

    NaN where all are 0. The flag tells whether all units were compared.
    """
    # Large ones are not copied: what is compared is cut out first.
    columns = max(1, MOST // len(units)) if is_full else FEW
    rows = units if is_full else units[:2]
    while rows.dim() > 2 and rows[0].numel() > columns:
        rows = rows[:, 0]
    rows = rows.flatten(1)[:, :columns].float()
    difference = (rows - rows[:1]).abs().amax() / rows.abs().amax()
    return torch.stack((difference, torch.full_like(difference, float(is_full))))
