"""Which part of an output this process has, where several processes share the same samples.

With tensor parallel a layer gives other columns in each of them, other positions, the same in all,
or sums that are still to be added up. Which it is tells the ``DTensor`` that it gives, or that its
local tensor was taken from: nothing is sent and nothing computed.
"""

from __future__ import annotations

from math import ceil
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from gradwidget.capture import unmeasured
from gradwidget.capture.model.local_part import (
    arrived,
    is_counted,
    is_partial,
    is_whole,
    local_part,
    ranks_of,
)
from gradwidget.capture.model.unreadable import unreadable
from gradwidget.capture.torch_private import is_sharded, local_from

Dims = tuple[int | None, ...]
"""The dimension that is divided, for each dimension of a mesh; None where there are copies."""


class Place(NamedTuple):
    """What a process has of an output, of those that run a layer for the same samples."""

    first: int
    """The lowest rank of these processes, which tells them from others of the training."""

    many: int
    """How many they are."""

    counts: bool
    """Whether the part of this process is to be counted: of several copies the first is."""

    start: int
    """The number of the first unit that it has."""

    own: int
    """How many units it has."""

    units: int
    """How many units all have together."""

    @property
    def share(self) -> tuple[int, int]:
        """What tells these processes from others of the training."""
        return self.first, self.many


class Part(NamedTuple):
    """What this process has of an output."""

    values: Tensor
    place: Place | None = None
    """None where no other process has a part of it."""

    dims: Dims = ()
    refused: str | None = None
    """Why it is not measured, in a sentence; None where it is."""


UNKNOWN = Part(torch.empty(0), refused=unmeasured.NOT_READ)
"""Of an output with which something went wrong."""


def part_of(module: nn.Module, output: Tensor, units: int) -> Part:
    """What this process has of the output of a layer.

    Args:
        module: the layer.
        output: a ``DTensor``, or a local tensor, which may have been taken from one.
        units: its dimension of units, from the end.
    """
    # What a layer gives whose parameters are whole is no part of anything.
    if type(output) is Tensor and (output.is_leaf or is_whole(module)):
        return Part(output, refused=_refused(output))
    spread: Any = output if is_sharded(output) else local_from(output)
    if spread is None:
        values = arrived(output)
        return Part(values, refused=_refused(values))
    dims = dims_of(spread)
    if dims is None:
        return Part(output, refused=unmeasured.PARTIAL if is_partial(spread) else unmeasured.SHARD)
    values = arrived(local_part(output))
    ranks = ranks_of(spread)
    start, in_all = _first_unit(spread, dims, len(spread.shape) + units)
    place = Place(min(ranks), len(ranks), is_counted(spread), start, values.shape[units], in_all)
    return Part(values, place, dims, _refused(values))


def _refused(tensor: Tensor) -> str | None:
    is_ordinary = type(tensor) is Tensor and tensor.layout is torch.strided
    if is_ordinary and tensor.numel() and not (tensor.is_meta or tensor.is_nested):
        return None
    return unreadable(tensor) or (None if tensor.numel() else unmeasured.EMPTY)


def dims_of(spread: Any) -> Dims | None:  # noqa: ANN401  # importing the class takes long
    """How a ``DTensor`` is divided; None where it is not known which part this process has."""
    if not spread.shape or spread.device_mesh.get_coordinate() is None:
        return None
    found: list[int | None] = []
    for one in spread.placements:
        # By its name: a subclass may have the parts in another order.
        kind = type(one).__name__
        if kind not in {"Replicate", "Shard"}:
            return None
        found.append(one.dim % len(spread.shape) if kind == "Shard" else None)
    return tuple(found)


def _first_unit(spread: Any, dims: Dims, units: int) -> tuple[int, int]:  # noqa: ANN401  # as above
    """The number of the first unit of this process, and of all units."""
    mesh = spread.device_mesh
    start, count = 0, spread.shape[units]
    for dim, size, place in zip(dims, mesh.shape, mesh.get_coordinate(), strict=True):
        if dim == units:
            # As ``torch.chunk`` divides: the last parts may be shorter, or empty.
            most = ceil(count / size)
            before = min(most * place, count)
            start, count = start + before, min(most, count - before)
    return start, spread.shape[units]
