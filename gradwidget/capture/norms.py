"""Norms that neither under- nor overflow, whatever the format, and the other figures of a tensor.

In float32 a sum of squares is exactly 0 for entries of 1e-23 and infinite from 1e19 on. Where a norm leaves the range
in which its squares are safe it is taken again in float64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gradwidget.capture.internals import copy_into
from gradwidget.capture.internals import norms as foreach_norms
from gradwidget.capture.readback import Fetch, Readback, as_numpy

SAFE_LOW, SAFE_HIGH = 1e-13, 1e18
"""A float32 L2 norm between these has lost nothing that matters to squares below or above float32."""
SMALL = 1024
"""Tensors up to this many entries are copied into one flat buffer: the call costs more than the work."""
CHUNK = 1 << 16
"""Longest run that is summed in float32; runs are added up in float64."""

L2, L1, PEAK, NONZERO, NONFINITE = range(5)
"""Rows of what ``measure`` gives."""


def plain(tensor: Tensor) -> Tensor:
    """The entries of a gradient as a dense real tensor: stored ones of a sparse one, moduli of a complex one.

    Raises:
        TypeError: a layout whose entries are not at hand (a sharded or a nested tensor).
    """
    tensor = tensor.detach()
    if tensor.layout is not torch.strided:
        if tensor.layout is not torch.sparse_coo:
            message = f"cannot read a gradient of layout {tensor.layout}"
            raise TypeError(message)
        tensor = tensor.coalesce().values()
    if type(tensor).__name__ == "DTensor":
        message = "cannot read a sharded gradient: each rank holds a part of it"
        raise TypeError(message)
    return tensor.abs() if tensor.is_complex() else tensor


def l2(tensor: Tensor) -> Tensor:
    """L2 norm of a dense real tensor as a tensor of one element, right from 1e-30 to 1e+25."""
    if not tensor.is_cpu:
        return vector_norm(tensor, dtype=_accumulator(tensor))
    if tensor.numel() > CHUNK * 16 or tensor.dtype is torch.float64:
        return vector_norm(tensor, dtype=torch.float64)
    norm = vector_norm(tensor, dtype=torch.float32)
    value = float(norm.numpy())
    if SAFE_LOW < value < SAFE_HIGH or math.isnan(value):
        return norm
    return vector_norm(tensor, dtype=torch.float64)


def vector_norm(tensor: Tensor, order: int = 2, dim: int | None = None, dtype: torch.dtype | None = None) -> Tensor:
    """``torch.linalg.vector_norm``, which torch leaves without a type."""
    norm: Tensor = torch.linalg.vector_norm(tensor, order, dim=dim, dtype=dtype)
    return norm


class Meter:
    """Takes all figures of many tensors in few calls; keeps its scratch memory from call to call."""

    def __init__(self) -> None:
        self._flat = torch.empty(0)

    def measure(self, tensors: Sequence[Tensor], readback: Readback, *, sums: bool = True) -> Fetch:
        """Figures of dense real tensors: a function that gives float64 [5, tensors].

        The rows are ``L2``, ``L1`` (sum of |x|), ``PEAK`` (largest |x|), ``NONZERO`` and ``NONFINITE`` (counts).
        Without ``sums``, ``L1`` and ``NONZERO`` of large tensors are left at 0.
        """
        figures = np.zeros((5, len(tensors)))
        pending: list[tuple[int, Fetch]] = []
        small: list[int] = []
        large: list[int] = []
        for number, tensor in enumerate(tensors):
            size = tensor.numel()
            if size == 0:
                continue
            if not tensor.is_cpu:
                pending.append((number, readback.add(_on_device(tensor))))
            elif size <= SMALL and tensor.dtype is not torch.float64:
                small.append(number)
            else:
                large.append(number)
        with np.errstate(all="ignore"):
            if small:
                figures[:, small] = self._measure_small([tensors[number] for number in small])
            if large:
                figures[:, large] = _measure_large([tensors[number] for number in large], sums=sums)

        def fetch() -> NDArray[np.float64]:
            for number, fetched in pending:
                figures[:, number] = fetched()
            return figures

        return fetch

    def l2(self, tensors: Sequence[Tensor], readback: Readback) -> Fetch:
        """L2 norms alone: a function that gives float64 [tensors]."""
        norms = np.zeros(len(tensors))
        on_cpu = [number for number, tensor in enumerate(tensors) if tensor.is_cpu and tensor.numel()]
        if on_cpu:
            norms[on_cpu] = _l2_of_each([tensors[number] for number in on_cpu])
        pending = [
            (number, readback.add(l2(tensor)))
            for number, tensor in enumerate(tensors)
            if not tensor.is_cpu and tensor.numel()
        ]

        def fetch() -> NDArray[np.float64]:
            for number, fetched in pending:
                norms[number] = fetched()
            return norms

        return fetch

    def _measure_small(self, tensors: list[Tensor]) -> NDArray[np.float64]:
        sizes = [tensor.numel() for tensor in tensors]
        total = sum(sizes)
        if self._flat.numel() < total:
            self._flat = torch.empty(total, dtype=torch.float32)
        flat = self._flat[:total]
        copy_into(torch.split(flat, sizes), [tensor.reshape(-1) for tensor in tensors])
        entries = flat.numpy()
        starts = np.zeros(len(sizes), np.intp)
        np.cumsum(sizes[:-1], out=starts[1:])
        nonzero = np.add.reduceat(entries != 0, starts, dtype=np.intp)
        np.abs(entries, out=entries)
        wide = entries.astype(np.float64)
        figures = np.zeros((5, len(sizes)))
        figures[L1] = np.add.reduceat(wide, starts)
        figures[PEAK] = np.maximum.reduceat(entries, starts)
        np.square(wide, out=wide)
        figures[L2] = np.sqrt(np.add.reduceat(wide, starts))
        figures[NONZERO] = nonzero
        if not np.isfinite(figures[PEAK]).all():
            figures[NONFINITE] = np.add.reduceat(~np.isfinite(entries), starts, dtype=np.intp)
        return figures


def _measure_large(tensors: list[Tensor], *, sums: bool) -> NDArray[np.float64]:
    figures = np.zeros((5, len(tensors)))
    figures[L2] = _l2_of_each(tensors)
    if sums:
        figures[L1] = as_numpy(torch.stack([_l1(tensor) for tensor in tensors]))
        figures[NONZERO] = as_numpy(torch.stack([torch.count_nonzero(tensor) for tensor in tensors]))
    ends = torch.stack([end for tensor in tensors for end in torch.aminmax(tensor)]) if _same_type(tensors) else None
    if ends is None:
        ends = torch.stack([end.to(torch.float64) for tensor in tensors for end in torch.aminmax(tensor)])
    figures[PEAK] = np.abs(as_numpy(ends)).reshape(-1, 2).max(axis=1)
    for number in np.flatnonzero(~np.isfinite(figures[PEAK])):
        finite = torch.isfinite(tensors[number])
        figures[NONFINITE, number] = finite.numel() - as_numpy(torch.count_nonzero(finite))
    return figures


def _l2_of_each(tensors: list[Tensor]) -> NDArray[np.float64]:
    norms = np.array([float(norm.numpy()) for norm in _foreach_l2(tensors)])
    for number, norm in enumerate(norms):
        if not SAFE_LOW < norm < SAFE_HIGH and not math.isnan(norm) and tensors[number].dtype is not torch.float64:
            norms[number] = as_numpy(vector_norm(tensors[number], dtype=torch.float64))
    return norms


def _foreach_l2(tensors: list[Tensor]) -> Sequence[Tensor]:
    norms: list[Tensor | None] = [None] * len(tensors)
    quick: list[int] = []
    for number, tensor in enumerate(tensors):
        if tensor.numel() > CHUNK * 16:
            norms[number] = vector_norm(tensor, dtype=torch.float64)
        elif tensor.dtype is torch.float32:
            quick.append(number)
        else:
            norms[number] = vector_norm(tensor, dtype=_accumulator(tensor))
    if quick:
        for number, norm in zip(quick, foreach_norms([tensors[number] for number in quick]), strict=True):
            norms[number] = norm
    return [norm for norm in norms if norm is not None]


def _l1(tensor: Tensor) -> Tensor:
    size = tensor.numel()
    if size <= CHUNK or not tensor.is_contiguous():
        accumulator = torch.float64 if size > CHUNK else _accumulator(tensor)
        return vector_norm(tensor, 1, dtype=accumulator).to(torch.float64)
    entries = tensor.view(-1)
    whole = size // CHUNK * CHUNK
    runs = vector_norm(entries[:whole].view(-1, CHUNK), 1, dim=1, dtype=_accumulator(tensor))
    rest = vector_norm(entries[whole:], 1, dtype=_accumulator(tensor))
    return runs.sum(dtype=torch.float64) + rest


def _on_device(tensor: Tensor) -> Tensor:
    wide = _accumulator(tensor)
    low, high = torch.aminmax(tensor)
    return torch.stack(
        [
            vector_norm(tensor, dtype=wide),
            vector_norm(tensor, 1, dtype=wide),
            torch.maximum(low.abs(), high.abs()).to(wide),
            torch.count_nonzero(tensor).to(wide),
            (tensor.numel() - torch.isfinite(tensor).sum()).to(wide),
        ]
    )


def _accumulator(tensor: Tensor) -> torch.dtype:
    """Type in which sums are kept: float64 on accelerators, where reading memory is what costs (MPS has none)."""
    if tensor.dtype is torch.float64:
        return torch.float64
    return torch.float32 if tensor.is_cpu or tensor.is_mps else torch.float64


def _same_type(tensors: list[Tensor]) -> bool:
    return len({tensor.dtype for tensor in tensors}) == 1
