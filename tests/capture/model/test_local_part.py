from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor
from torch.distributed._tensor.placement_types import (  # without the _ from 2.5 on
    Partial,
    Replicate,
    Shard,
)

from gradwidget.capture import unmeasured
from gradwidget.capture.model.local_part import (
    is_counted,
    is_spread,
    is_spread_alike,
    local_part,
    ranks_of,
)
from gradwidget.capture.model.unreadable import unreadable


@dataclass
class Mesh:
    """Two by two processes, of which this is one."""

    place: tuple[int, int]
    shape: ClassVar[tuple[int, int]] = (2, 2)
    mesh: ClassVar[Tensor] = torch.arange(4).reshape(2, 2)

    def get_coordinate(self) -> tuple[int, int]:
        return self.place


class DTensor(Tensor):
    """As torch's, as far as it is looked at."""

    placements: tuple[Any, ...]
    device_mesh: Mesh
    _local_tensor: Tensor


def spread(*placements: object, place: tuple[int, int] = (0, 0)) -> DTensor:
    found = torch.zeros(4, 4).as_subclass(DTensor)
    found.placements, found.device_mesh = placements, Mesh(place)
    found._local_tensor = torch.ones(2)
    return found


def test_a_part_is_what_this_process_holds() -> None:
    assert local_part(spread(Shard(0), Replicate())).tolist() == [1, 1]
    whole = torch.zeros(3)
    assert local_part(whole) is whole


def test_a_sum_that_is_spread_is_refused_with_the_reason() -> None:
    tensor = spread(Shard(0), Partial())
    assert local_part(tensor) is tensor
    assert unreadable(tensor) == unmeasured.PARTIAL


@pytest.mark.parametrize(
    ("place", "counts"), [((0, 0), True), ((1, 0), True), ((0, 1), False), ((1, 1), False)]
)
def test_of_replicas_the_first_is_counted(place: tuple[int, int], counts: bool) -> None:  # noqa: FBT001  # as pytest passes it
    assert is_counted(spread(Shard(0), Replicate(), place=place)) is counts


def test_what_each_process_has_whole_is_not_spread() -> None:
    assert not is_spread(spread(Replicate(), Replicate()))
    assert is_spread(spread(Replicate(), Shard(1)))
    assert ranks_of(spread(Shard(0), Shard(1))) == {0, 1, 2, 3}


def test_a_gradient_may_be_spread_otherwise_than_its_parameter() -> None:
    parameter = spread(Shard(0), Replicate())
    assert is_spread_alike(spread(Shard(0), Replicate()), parameter)
    assert not is_spread_alike(spread(Shard(1), Replicate()), parameter)
    assert not is_spread_alike(parameter, torch.zeros(4, 4))
