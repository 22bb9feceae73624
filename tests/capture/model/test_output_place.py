from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.distributed._tensor.placement_types import (  # without the _ from 2.5 on
    Partial,
    Replicate,
    Shard,
)

from gradwidget.capture import unmeasured
from gradwidget.capture.model.output_place import Place, part_of


@dataclass
class Mesh:
    """Two by three processes, of which this is one."""

    place: tuple[int, int] | None
    shape: ClassVar[tuple[int, int]] = (2, 3)
    mesh: ClassVar[Tensor] = torch.arange(4, 10).reshape(2, 3)

    def get_coordinate(self) -> tuple[int, int] | None:
        return self.place


class DTensor(Tensor):
    """As torch's, as far as it is looked at."""

    placements: tuple[Any, ...]
    device_mesh: Mesh
    _local_tensor: Tensor


class _StridedShard(Shard):
    """Its parts are in another order."""


def spread(*placements: object, local: Tensor, place: tuple[int, int] | None = (0, 0)) -> DTensor:
    """An output of two samples and seven units."""
    found = torch.zeros(2, 7).as_subclass(DTensor)
    found.placements, found.device_mesh, found._local_tensor = placements, Mesh(place), local
    return found


LAYER = nn.Linear(2, 7)


@pytest.mark.parametrize(("at", "start", "own"), [(0, 0, 3), (1, 3, 3), (2, 6, 1)])
def test_each_process_has_its_columns(at: int, start: int, own: int) -> None:
    local = torch.ones(2, own)
    part = part_of(LAYER, spread(Replicate(), Shard(-1), local=local, place=(0, at)), -1)
    assert part.values is local
    assert part.place == Place(4, 6, counts=True, start=start, own=own, units=7)
    assert part.dims == (None, 1)


def test_columns_that_are_divided_twice() -> None:
    # The first three processes have four of seven units, the others three: one of them each.
    output = spread(Shard(1), Shard(1), local=torch.ones(2, 1), place=(1, 1))
    part = part_of(LAYER, output, -1)
    assert part.place == Place(4, 6, counts=True, start=5, own=1, units=7)


def test_other_samples_have_all_units_and_copies_do_not_count() -> None:
    output = spread(Replicate(), Shard(0), local=torch.ones(1, 7), place=(1, 0))
    part = part_of(LAYER, output, -1)
    assert part.place == Place(4, 6, counts=False, start=0, own=7, units=7)


@pytest.mark.parametrize(
    ("output", "why"),
    [
        (spread(Replicate(), Partial(), local=torch.ones(2, 7)), unmeasured.PARTIAL),
        (spread(Replicate(), _StridedShard(1), local=torch.ones(2, 3)), unmeasured.SHARD),
        (spread(Replicate(), Shard(1), local=torch.ones(2, 3), place=None), unmeasured.SHARD),
        (spread(Replicate(), Shard(1), local=torch.ones(2, 0), place=(0, 2)), unmeasured.EMPTY),
    ],
)
def test_what_is_not_known_exactly_is_refused_with_the_reason(output: DTensor, why: str) -> None:
    assert part_of(LAYER, output, -1).refused == why


class TakenFrom(torch.autograd.Function):
    """As torch takes a local tensor from a sharded one."""

    @staticmethod
    def forward(ctx: Any, given: Tensor, spec: object) -> Tensor:
        ctx.dtensor_spec = spec
        return given.view_as(given)

    @staticmethod
    def backward(_ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        return slope, None


def sharded_layer() -> nn.Linear:
    layer = nn.Linear(2, 7)
    layer.register_parameter("weight", None)
    layer.weight = nn.Parameter(torch.ones(7, 2).as_subclass(DTensor))
    return layer


@pytest.mark.parametrize(
    ("placement", "place", "why"),
    [
        (Shard(1), Place(4, 6, counts=True, start=0, own=3, units=7), None),
        (Partial(), None, unmeasured.PARTIAL),
    ],
)
def test_a_local_tensor_is_the_part_that_it_was_taken_as(
    placement: object, place: Place | None, why: str | None
) -> None:
    class DTensorSpec(DTensor):
        """As torch notes how one is spread."""

    spec = spread(Replicate(), placement, local=torch.ones(2, 3)).as_subclass(DTensorSpec)
    spec.placements, spec.device_mesh = (Replicate(), placement), Mesh((0, 0))
    take: Any = TakenFrom.apply
    local = take(torch.ones(2, 3, requires_grad=True) * 1, spec)
    part = part_of(sharded_layer(), local, -1)
    assert (part.place, part.refused) == (place, why)
    # A layer with whole parameters may have been given such a tensor, and returns another.
    assert part_of(LAYER, local, -1).place is None


def test_an_ordinary_output_is_whole() -> None:
    output = LAYER(torch.ones(1, 2))
    part = part_of(LAYER, output, -1)
    assert part.values is output
    assert (part.place, part.refused) == (None, None)
