"""Copies of large weights share one block of memory, and keep the layout of what they are of."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from gradwidget.capture.stats.snapshot_memory import SnapshotMemory

KINDS: dict[str, Callable[[], Tensor]] = {
    "a matrix": lambda: torch.randn(30, 7),
    "half precision": lambda: torch.randn(5, 3).half(),
    "double precision": lambda: torch.randn(11).double(),
    "transposed": lambda: torch.randn(6, 5).t(),
    "channels last": lambda: torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "three dimensions in another order": lambda: torch.randn(2, 3, 4).permute(2, 0, 1),
    "with gaps": lambda: torch.randn(8, 6)[::2],
    "a single number": lambda: torch.tensor(3.0),
}


def copied(memory: SnapshotMemory, weights: list[Tensor]) -> list[Tensor]:
    memory.begin(weights)
    return [memory.place_for(weight).copy_(weight) for weight in weights]


def start(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def test_every_copy_is_that_of_its_weight_and_none_overwrites_another() -> None:
    weights = [make() for make in KINDS.values()]
    for weight, copy in zip(weights, copied(SnapshotMemory(), weights), strict=True):
        assert torch.equal(weight, copy)
        assert copy.dtype is weight.dtype


@pytest.mark.parametrize("name", [name for name in KINDS if name != "with gaps"])
def test_a_copy_is_laid_out_as_its_weight(name: str) -> None:
    weight = KINDS[name]()
    assert copied(SnapshotMemory(), [weight])[0].stride() == weight.stride()


def test_weights_that_need_no_more_get_the_same_memory() -> None:
    memory = SnapshotMemory()
    (first,) = copied(memory, [torch.ones(100)])
    others = copied(memory, [torch.ones(40), torch.ones(4, 5).double()])
    assert {start(first)} == {start(one) for one in others}


def test_weights_that_need_more_get_more() -> None:
    memory = SnapshotMemory()
    copied(memory, [torch.ones(10)])
    ones = [torch.full((100,), float(number)) for number in range(5)]
    assert torch.equal(torch.stack(copied(memory, ones)), torch.stack(ones))


def test_memory_that_was_made_in_inference_mode_can_be_written_outside_of_it() -> None:
    memory = SnapshotMemory()
    with torch.inference_mode():
        memory.begin([torch.ones(3)])
    weight = torch.ones(3)
    assert torch.equal(memory.place_for(weight).copy_(weight), weight)
