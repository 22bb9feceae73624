"""Small tensors of many layers, gathered until one call can take the figures of all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from gradwidget.capture.norms import PIECE
from gradwidget.capture.readback import Fetch, Figures, nothing

BATCH = 4 * PIECE
"""Entries that a tray holds."""

Take = Callable[[Tensor], "tuple[Fetch, Fetch]"]
"""Takes the figures of rows [rows, ...]: float64 [kinds, rows], and what else there is a row, [rows, units]."""


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


class Tray:
    """Holds copies of alike tensors; read when it is full and when ``read`` is called.

    Args:
        like: a tensor of the shape, type and device of all that will be put in.
        take: takes the figures of the rows, whose memory it may use up.

    Example:
        >>> from gradwidget.capture.readback import Readback
        >>> readback = Readback()
        >>> tray = Tray(torch.ones(3), lambda rows: (readback.add(rows.sum(1)[None]), nothing))
        >>> place = tray.put(torch.ones(3))
        >>> tray.read()
        >>> place.figures()
        array([3.])
    """

    def __init__(self, like: Tensor, take: Take) -> None:
        many = max(1, BATCH // like.numel())
        dtype = torch.float64 if like.dtype is torch.float64 else torch.float32
        self._rows = torch.empty((many, *like.shape), dtype=dtype, device=like.device)
        self._take = take
        self._count = 0
        self._sheet = Sheet()

    def put(self, tensor: Tensor) -> Place:
        """Copies a tensor in; its figures will be at the place given."""
        if self._count == len(self._rows):
            self.read()
        self._rows[self._count].copy_(tensor)
        self._count += 1
        return Place(self._sheet, self._count - 1)

    def read(self) -> None:
        """Takes the figures of what is in, and empties it."""
        if self._count:
            self._sheet.figures, self._sheet.units = self._take(self._rows[: self._count])
            self._count, self._sheet = 0, Sheet()
