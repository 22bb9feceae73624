"""How far a step really moved the weights, whatever the optimizer did to get there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from gradwidget.capture.internals import copy_into
from gradwidget.capture.layers import LayerTable
from gradwidget.capture.meter import measure_l2
from gradwidget.capture.norms import plain
from gradwidget.capture.perlayer import Reading
from gradwidget.capture.readback import Readback

LIMIT = 64 * 2**20
"""Bytes of snapshots at most; layers take turns."""

Kind = tuple[torch.dtype, torch.device]


class Updates:
    """Copies weights before a step and compares after it; the memory for the copies is kept from step to step.

    Args:
        table: the layers.
        limit: bytes that the copies of one step may take; None copies all layers at once.
    """

    def __init__(self, table: LayerTable, limit: int | None = LIMIT) -> None:
        self._table = table
        self._limit = limit
        self._memory: dict[Kind, Tensor] = {}
        self._taken: list[tuple[int, Tensor]] = []
        self._turn = 0

    def before(self, parameters: Sequence[nn.Parameter | None], owned: Sequence[int]) -> None:
        """Copies the weights of the layers whose turn it is."""
        chosen = [
            (number, one) for number in self._in_turn(parameters, owned) if (one := parameters[number]) is not None
        ]
        sizes: dict[Kind, int] = {}
        for _, one in chosen:
            sizes[one.dtype, one.device] = sizes.get((one.dtype, one.device), 0) + one.numel()
        for (dtype, device), size in sizes.items():
            if self._memory.get((dtype, device), torch.empty(0)).numel() < size:
                self._memory[dtype, device] = torch.empty(size, dtype=dtype, device=device)
        used = dict.fromkeys(sizes, 0)
        self._taken = []
        for number, one in chosen:
            kind = one.dtype, one.device
            self._taken.append((number, self._memory[kind][used[kind] : used[kind] + one.numel()].view(one.shape)))
            used[kind] += one.numel()
        if chosen:
            copy_into([copy for _, copy in self._taken], [one.detach() for _, one in chosen])

    def after(self, parameters: Sequence[nn.Parameter | None], readback: Readback) -> Reading | None:
        """Norms of the changes of what was copied; None where nothing was."""
        taken, self._taken = self._taken, []
        changes: list[tuple[int, Tensor]] = []
        for number, copy in taken:
            now = parameters[number]
            if now is not None and now.shape == copy.shape:
                changes.append((number, plain(copy.sub_(now.detach()))))
        if not changes:
            return None
        return Reading([number for number, _ in changes], measure_l2([change for _, change in changes], readback))

    def _in_turn(self, parameters: Sequence[nn.Parameter | None], owned: Sequence[int]) -> Iterable[int]:
        if self._limit is None:
            return owned
        bytes_of = {
            number: one.numel() * one.element_size() for number in owned if (one := parameters[number]) is not None
        }
        if sum(bytes_of.values()) <= self._limit:
            return owned
        by_row: dict[int, list[int]] = {}
        for number, row in zip(*self._table.pairs, strict=True):
            if int(number) in bytes_of:
                by_row.setdefault(int(row), []).append(int(number))
        rows = sorted(by_row)
        chosen: dict[int, None] = {}
        left = self._limit
        first = self._turn
        for step in range(len(rows)):
            place = (first + step) % len(rows)
            needed = [number for number in by_row[rows[place]] if number not in chosen]
            cost = sum(bytes_of[number] for number in needed)
            if cost > self._limit:
                continue  # a layer that never fits is passed over in every round
            if cost > left:
                break
            left -= cost
            chosen.update(dict.fromkeys(needed))
            self._turn = place + 1
        return list(chosen)
