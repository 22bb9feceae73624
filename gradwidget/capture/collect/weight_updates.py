"""How far a step moved the weights, whatever the optimizer did."""

from __future__ import annotations

import traceback
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from gradwidget.capture import unmeasured
from gradwidget.capture.guard import Guard
from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.model.local_part import local_part
from gradwidget.capture.model.unreadable import PLAIN_TYPES, UnreadableError, plain, unreadable
from gradwidget.capture.stats.lost_updates import NARROW, count_lost
from gradwidget.capture.stats.measured_tensors import Reading
from gradwidget.capture.stats.norms import ALONE, distance
from gradwidget.capture.stats.readback import Fetch, Readback
from gradwidget.capture.stats.snapshot_memory import SnapshotMemory
from gradwidget.capture.stats.tensor_stats import alike, norms_of_rows, stacked

Copies = Iterable[tuple[list[int], Tensor]]
"""Numbers of alike parameters, and the copies [parameters, ...] of their weights."""

LIMIT = 64 * 2**20
"""Bytes of snapshots at most; beyond that layers take turns."""


class WeightUpdates:
    """Copies weights before a step and compares them after it.

    Args:
        table: the layers.
        guard: keeps as a problem what the kind of a tensor does not explain.
        limit: bytes that the copies of one step may take; None copies all layers at once.
    """

    def __init__(self, table: LayerTable, guard: Guard, limit: int | None = LIMIT) -> None:
        self._table = table
        self._guard = guard
        self._limit = limit
        self._copies: list[tuple[list[int], Tensor]] = []
        self._refused: dict[int, str] = {}
        self._memory = SnapshotMemory()
        """Holds the copies of large parameters."""
        self._first_row = 0
        """The layer with which the next round of copies begins."""

    @torch.no_grad()
    def before(self, parameters: Sequence[nn.Parameter | None], held: Sequence[int]) -> Copies:
        """Copies the weights of the layers whose turn it is; yields each copy as it is made."""
        # Of a sparse parameter the stored entries may be others after the step.
        present = {
            number: _real(one)
            for number in self._in_turn(parameters, held)
            if (one := parameters[number]) is not None and one.layout is torch.strided
        }
        numbers, weights = list(present), list(present.values())
        self._copies, self._refused = [], {}
        together: list[Sequence[int]] = []
        alone: list[Tensor] = []
        for group in alike(weights):
            if _is_alone(weights[group[0]]):
                together += [[place] for place in group]
                alone += [weights[place] for place in group]
            else:
                together.append(group)
        self._memory.begin(alone)
        for group in together:
            yield from self._copied([(numbers[place], weights[place]) for place in group])

    def _copied(self, chosen: Sequence[tuple[int, Tensor]]) -> Copies:
        """Copies alike weights: all together, or, where that fails, one by one."""
        first = chosen[0][1]
        numbers = [number for number, _ in chosen]
        try:
            if first.is_meta:
                raise UnreadableError(unmeasured.META)  # noqa: TRY301  # handled as any other failure
            if _is_alone(first):
                copy = self._memory.place_for(first).copy_(first)[None]
            else:
                copy = torch.stack([weight for _, weight in chosen])
        except Exception as error:  # noqa: BLE001  # one that cannot be copied costs no other
            if len(chosen) > 1:
                for one in chosen:
                    yield from self._copied([one])
            self._explain(dict(chosen), error)
            return
        self._copies.append((numbers, copy))
        yield self._copies[-1]

    @torch.no_grad()
    def after(
        self, parameters: Sequence[nn.Parameter | None], readback: Readback
    ) -> Reading | None:
        """Norms of the changes of what was copied; None where nothing was."""
        copied, self._copies = self._copies, []
        found: list[int] = []
        norms: list[Fetch] = []
        for numbers, copies in copied:
            now = {
                row: weight
                for row, number in enumerate(numbers)
                if (one := parameters[number]) is not None
                and (weight := _real(one)).shape == copies.shape[1:]
            }
            for rows, fetch in self._compared(now, numbers, copies, readback):
                found += [numbers[row] for row in rows]
                norms.append(fetch)
        refused, self._refused = self._refused, {}
        if not (found or refused):
            return None
        return Reading(found, lambda: np.concatenate([fetch() for fetch in norms]), refused)

    @torch.no_grad()
    def lost(
        self, parameters: Sequence[nn.Parameter | None], resting: Container[int], readback: Readback
    ) -> Reading | None:
        """Counts the updates that were lost to rounding; to be called before ``after``.

        Args:
            parameters: all parameters of the layers.
            resting: ids of those that were not to be moved.
            readback: brings the counts.

        Returns:
            ``count_lost`` [2, parameters] of what was copied in a narrow format and has a gradient;
            None where nothing is.
        """
        found: dict[int, Fetch] = {}
        for numbers, copies in self._copies:
            if copies.dtype not in NARROW:
                continue
            for number, before in zip(numbers, copies, strict=True):
                one = parameters[number]
                gradient = None if one is None or id(one) in resting else one.grad
                if one is None or gradient is None or one.is_complex():
                    continue
                now, used = local_part(one), local_part(gradient)
                if now.shape == before.shape == used.shape and unreadable(used) is None:
                    found[number] = count_lost(now.detach(), before, plain(used), readback)
        if not found:
            return None
        return Reading(list(found), lambda: np.stack([one() for one in found.values()], axis=-1))

    def _compared(
        self, now: Mapping[int, Tensor], numbers: Sequence[int], copies: Tensor, readback: Readback
    ) -> Iterator[tuple[list[int], Fetch]]:
        """Compares alike weights with their copies: all together, or, where that fails, singly."""
        rows = list(now)
        if not rows:
            return
        before = copies if len(rows) == len(copies) else copies[rows]
        try:
            changes = _changes(list(now.values()), before, readback)
        except Exception as error:  # noqa: BLE001  # one that cannot be compared costs no other
            if len(rows) > 1:
                for row, weight in now.items():
                    yield from self._compared({row: weight}, numbers, copies, readback)
            self._explain({numbers[row]: weight for row, weight in now.items()}, error)
        else:
            yield rows, changes

    def _explain(self, weights: Mapping[int, Tensor], error: Exception) -> None:
        """Says why weights could not be copied or compared, alone or together."""
        if len(weights) == 1:
            ((number, weight),) = weights.items()
            why = unreadable(weight)
            self._refused[number] = why or unmeasured.failed(error)
            is_explained = why is not None
        else:
            is_explained = not self._refused.keys().isdisjoint(weights)
        if not is_explained:
            trace = "".join(traceback.format_exception(error))
            self._guard.note("reading weights", unmeasured.failed(error), trace)

    def _in_turn(
        self, parameters: Sequence[nn.Parameter | None], held: Sequence[int]
    ) -> Iterable[int]:
        if self._limit is None:
            return held
        bytes_of = {
            number: (own := local_part(one)).numel() * own.element_size()
            for number in held
            if (one := parameters[number]) is not None
        }
        if sum(bytes_of.values()) <= self._limit:
            return held
        by_row: dict[int, list[int]] = {}
        for number, row in zip(*self._table.pairs, strict=True):
            if int(number) in bytes_of:
                by_row.setdefault(int(row), []).append(int(number))
        rows = sorted(by_row)
        chosen: dict[int, None] = {}
        left = self._limit
        first = self._first_row
        for step in range(len(rows)):
            place = (first + step) % len(rows)
            needed = [number for number in by_row[rows[place]] if number not in chosen]
            cost = sum(bytes_of[number] for number in needed)
            if cost > self._limit:
                continue  # a layer that never fits is skipped in every round
            if cost > left:
                break
            left -= cost
            chosen.update(dict.fromkeys(needed))
            self._first_row = place + 1
        return list(chosen)


def _is_alone(weight: Tensor) -> bool:
    """Whether it is copied by itself, to memory that is kept; a class of its own never is."""
    return weight.numel() > ALONE and type(weight) in PLAIN_TYPES and not weight.is_meta


def _real(one: Tensor) -> Tensor:
    if type(one) not in PLAIN_TYPES:
        one = local_part(one)
    return torch.view_as_real(one.resolve_conj()) if one.is_complex() else one


def _changes(now: list[Tensor], copies: Tensor, readback: Readback) -> Fetch:
    """L2 norms [tensors] of the differences of alike tensors from their copies [tensors, ...]."""
    if now[0].is_cpu and now[0].numel() > ALONE:
        norm = np.array([distance(now[0], copies[0])])
        return lambda: norm
    rows = (
        stacked(now, range(len(now)))
        .to(_difference_dtype(now[0]))
        .sub_(copies)
        .reshape(len(now), -1)
    )
    return norms_of_rows(rows, readback)


def _difference_dtype(tensor: Tensor) -> torch.dtype:
    # the difference of two numbers of a narrow format may lie between two of its own
    return torch.float64 if tensor.dtype is torch.float64 else torch.float32
