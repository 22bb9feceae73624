"""Small tensors of many layers, gathered until one call can take the figures of all of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gradwidget.capture.stats.norms import PIECE
from gradwidget.capture.stats.readback import Fetch, Figures, Readback, nothing

Take = Callable[[Tensor, Readback], tuple[Fetch, Fetch]]
"""Takes the figures of rows [rows, ...]: float64 [kinds, rows], and what else there is a row,
[rows, units]."""


@dataclass(slots=True)
class Sheet:
    """The figures of the rows of one tray."""

    figures: Fetch = field(default=nothing)
    """Float64 [kinds, rows]; once the tray was read and the readback is ready."""
    units: Fetch = field(default=nothing)
    """Float64 [rows, units]."""


class Place(NamedTuple):
    """Where the figures of one tensor will be."""

    sheet: Sheet
    row: int

    def figures(self) -> Figures:
        """Float64 [kinds]. Only once the readback is ready."""
        column: Figures = self.sheet.figures()[:, self.row]
        return column

    def units(self) -> Figures:
        """Float64 [units]. Only once the readback is ready."""
        row: Figures = self.sheet.units()[self.row]
        return row


def gathered(places: Sequence[Place]) -> Figures:
    """The figures of many places at once: float64 [kinds, places]. Only once the readback is ready.

    All must have as many kinds; there is at least one.
    """
    sheets: dict[int, tuple[Sheet, list[int], list[int]]] = {}
    for number, (sheet, row) in enumerate(places):
        _, numbers, rows = sheets.setdefault(id(sheet), (sheet, [], []))
        numbers.append(number)
        rows.append(row)
    figures = np.empty((len(places[0].sheet.figures()), len(places)))
    for sheet, numbers, rows in sheets.values():
        figures[:, numbers] = sheet.figures()[:, rows]
    return figures


class Tray:
    """Holds copies of alike tensors until they are read.

    Args:
        like: a tensor of the shape, type and device of all that will be put in.
        take: takes the figures of the rows, whose memory it may use up.

    Example:
        >>> readback = Readback()
        >>> tray = Tray(torch.ones(3), lambda rows, readback: (readback.add(rows.sum(1)[None]), nothing))
        >>> place = tray.put(torch.ones(3), readback)
        >>> tray.read(readback)
        True
        >>> place.figures()
        array([3.])
    """

    def __init__(self, like: Tensor, take: Take) -> None:
        many = max(1, PIECE // like.numel())
        dtype = torch.float64 if like.dtype is torch.float64 else torch.float32
        self._memory = torch.empty((many, *like.shape), dtype=dtype, device=like.device)
        self._rows = self._memory.unbind()
        self._take = take
        self._count = 0
        self._sheet = Sheet()

    def put(self, tensor: Tensor, readback: Readback) -> Place:
        """Copies a tensor in; its figures will be at the place given."""
        if self._count == len(self._rows):
            self.read(readback)
        self._rows[self._count].copy_(tensor)
        self._count += 1
        return Place(self._sheet, self._count - 1)

    def read(self, readback: Readback) -> bool:
        """Takes the figures of what is in, and empties it; whether there was anything."""
        if not self._count:
            return False
        sheet, self._sheet = self._sheet, Sheet()
        rows, self._count = self._memory[: self._count], 0
        sheet.figures, sheet.units = self._take(rows, readback)
        return True


class Trays:
    """All trays of a capture. They are kept from step to step, as long as the steps have a use for
    them.
    """

    def __init__(self) -> None:
        self._trays: dict[Hashable, Tray] = {}

    def fitting(self, purpose: Hashable, like: Tensor, take: Take) -> Tray:
        """The tray for tensors like this one.

        Args:
            purpose: what will be taken, beside the tensors' kind.
            like: a tensor that is to be put in.
            take: takes the figures.
        """
        key = purpose, like.shape, like.dtype, like.device
        tray = self._trays.get(key)
        if tray is None:
            tray = self._trays[key] = Tray(like, take)
        return tray

    def read(self, readback: Readback) -> None:
        """Reads every tray, and lets go of those that were empty: shapes that vary would fill the
        memory.
        """
        for key in [key for key, tray in self._trays.items() if not tray.read(readback)]:
            del self._trays[key]
