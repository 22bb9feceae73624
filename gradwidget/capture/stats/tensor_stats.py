"""All statistics of many tensors in few calls: on small ones the call costs more than the work."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gradwidget.capture.stats.norms import (
    ALONE,
    TOGETHER,
    Magnitudes,
    accumulator,
    at_least_single,
    l2,
    large_norm,
    magnitudes,
    norm_of_squares,
    pieces,
    row_norms,
    squares_in_cache,
    vector_norm,
)
from gradwidget.capture.stats.readback import Fetch, Readback, as_numpy
from gradwidget.capture.stats.scratch import nonzero, scratch

Kind = tuple[torch.Size, torch.dtype, torch.device]

MANY = 1_000
"""Tensors from which on their grouping is not cached: the kinds of so many are objects that make
Python's garbage collector run more often, which takes longer than grouping them."""

L2, L1, PEAK, NONZERO, NONFINITE = range(5)
"""Rows of what ``measure`` gives: L2 norm, sum of |x|, largest |x|, and two counts."""


def measure(tensors: Sequence[Tensor], readback: Readback, *, sums: bool = True) -> Fetch:
    """Statistics of dense real tensors.

    Args:
        tensors: the tensors.
        readback: brings the statistics.
        sums: whether ``L1`` and ``NONZERO`` are wanted; otherwise they are 0 where they would cost.

    Returns:
        A function that gives float64 [5, tensors]: ``L2``, ``L1``, ``PEAK``, ``NONZERO`` and
        ``NONFINITE``; of empty tensors all are 0.
    """
    groups = alike(tensors)
    fetches = [
        measure_rows(
            tensors[group[0]][None] if len(group) == 1 else stacked(tensors, group),
            readback,
            sums=sums,
        )
        for group in groups
    ]

    def fetch() -> NDArray[np.float64]:
        statistics = np.zeros((5, len(tensors)))
        for group, fetched in zip(groups, fetches, strict=True):
            statistics[:, group] = fetched()
        return statistics

    return fetch


def measure_rows(rows: Tensor, readback: Readback, *, sums: bool = True) -> Fetch:
    """The same of tensors of one shape that have been brought together [tensors, ...]."""
    if not rows.is_cpu:
        return readback.add(_on_device(rows.reshape(len(rows), -1)))
    is_large = len(rows) == 1 and rows.numel() > ALONE
    statistics = _of_large(rows[0], sums=sums)[:, None] if is_large else _of_rows(rows, sums=sums)
    return lambda: statistics


def measure_l2(tensors: Sequence[Tensor], readback: Readback) -> Fetch:
    """L2 norms alone: a function that gives float64 [tensors]."""
    norms = np.zeros(len(tensors))
    pending: list[tuple[int, Fetch]] = []
    for group in alike(tensors):
        first = tensors[group[0]]
        if not first.is_cpu:
            pending += [(number, readback.add(l2(tensors[number]))) for number in group]
        elif first.numel() > ALONE:
            norms[group] = [large_norm(tensors[number]) for number in group]
        else:
            norms[group] = row_norms(
                at_least_single(stacked(tensors, group)).reshape(len(group), -1)
            )

    def fetch() -> NDArray[np.float64]:
        for number, fetched in pending:
            norms[number] = fetched()
        return norms

    return fetch


def norms_of_rows(rows: Tensor, readback: Readback) -> Fetch:
    """The same of rows [tensors, entries] that have been brought together."""
    if not rows.is_cpu:
        return readback.add(vector_norm(rows, dim=1, dtype=accumulator(rows)))
    norms = row_norms(rows)
    return lambda: norms


def nonzero_in_rows(rows: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How many are true in each row."""
    # Numpy counts one row at a time far faster than along an axis.
    return np.array([np.count_nonzero(row) for row in rows], np.float64)


def alike(tensors: Sequence[Tensor]) -> Sequence[Sequence[int]]:
    """Numbers of tensors that are read together: of one shape, type and device.

    Empty tensors are left out.
    """
    if len(tensors) < MANY:
        return _known(tuple([(tensor.shape, tensor.dtype, tensor.device) for tensor in tensors]))
    return _grouped((tensor.shape, tensor.dtype, tensor.device) for tensor in tensors)


@lru_cache(maxsize=64)
def _known(kinds: tuple[Kind, ...]) -> list[list[int]]:
    return _grouped(kinds)


def _grouped(kinds: Iterable[Kind]) -> list[list[int]]:
    groups: dict[Kind, list[int]] = {}
    for number, kind in enumerate(kinds):
        groups.setdefault(kind, []).append(number)
    batches: list[list[int]] = []
    for (shape, _, _), group in groups.items():
        size = shape.numel()
        if size:
            many = max(1, TOGETHER // size)
            batches += [group[start : start + many] for start in range(0, len(group), many)]
    return batches


def stacked(tensors: Sequence[Tensor], group: Sequence[int]) -> Tensor:
    """A copy [tensors, ...] of the tensors of a group; on the CPU valid until the next call."""
    chosen = [tensors[number] for number in group]
    first = chosen[0]
    if not first.is_cpu:
        return torch.stack(chosen)
    memory = scratch("stacked", len(chosen) * first.numel(), first.dtype).view(
        len(chosen), *first.shape
    )
    return torch.stack(chosen, out=memory)


def _of_rows(tensors: Tensor, *, sums: bool) -> NDArray[np.float64]:
    """Of tensors [tensors, ...] that are small."""
    rows = at_least_single(tensors).reshape(len(tensors), -1)
    statistics = np.zeros((5, len(rows)))
    statistics[L2] = row_norms(rows)
    if sums:
        statistics[NONZERO] = nonzero_in_rows(nonzero(rows.numpy()))
    absolute = magnitudes(rows.view(-1)).view(rows.shape)
    statistics[PEAK] = as_numpy(absolute.amax(1))
    if sums:
        statistics[L1] = as_numpy(absolute.sum(1))
    if not math.isfinite(sum(statistics[PEAK].tolist())):
        for number in np.flatnonzero(~np.isfinite(statistics[PEAK])):
            statistics[NONFINITE, number] = np.count_nonzero(~np.isfinite(rows[number].numpy()))
    return statistics


def _of_large(tensor: Tensor, *, sums: bool) -> NDArray[np.float64]:
    """Of one large tensor, piece by piece: a piece stays in the cache between its statistics."""
    peaks: list[float] = []
    squares = total = 0.0
    count = odd = 0
    work: Magnitudes | None = None
    for piece in pieces(tensor):
        if not sums:
            low, high = torch.aminmax(piece)
            peaks += (-low.item(), high.item())
            squares += squares_in_cache(piece)()
            continue
        if work is None or not work.fits(piece):
            work = Magnitudes(piece)
        more, added, largest, many = work.read(piece)
        squares, total, count = squares + more, total + added, count + many
        peaks.append(largest)
    # Only where a peak is not finite are such entries counted, in a second reading.
    peak = max(peaks)
    if not math.isfinite(sum(peaks)):
        peak = float(np.max(peaks))  # unlike max, it gives NaN where there is one
        odd = sum([int(np.count_nonzero(~np.isfinite(piece.numpy()))) for piece in pieces(tensor)])
    norm = norm_of_squares(squares, tensor, pieces(tensor)) if peak != 0 else 0.0
    return np.array([norm, total, peak, count, odd], np.float64)


def _on_device(rows: Tensor) -> Tensor:
    wide = accumulator(rows)
    low, high = torch.aminmax(rows, dim=1)
    return torch.stack(
        [
            vector_norm(rows, dim=1, dtype=wide),
            vector_norm(rows, 1, dim=1, dtype=wide),
            torch.maximum(low.abs(), high.abs()).to(wide),
            torch.count_nonzero(rows, dim=1).to(wide),
            (rows.shape[1] - torch.isfinite(rows).sum(1)).to(wide),
        ]
    )
