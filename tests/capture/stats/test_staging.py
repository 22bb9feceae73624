"""Small tensors that are measured together get what each would get by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from gradwidget.capture.guard import Guard
from gradwidget.capture.stats.norms import TOGETHER
from gradwidget.capture.stats.readback import Fetch, Readback
from gradwidget.capture.stats.staging import MOST, Slot, StagingBuffer, StagingBuffers, gather


def sums(rows: Tensor, _readback: Readback) -> tuple[Fetch, Fetch]:
    """The sum of each row, and the row itself."""
    values = rows.double().numpy().reshape(len(rows), -1).copy()
    return lambda: values.sum(1)[None], lambda: values


@given(st.lists(st.integers(1, 4), min_size=1, max_size=40))
@settings(deadline=None)
def test_every_slot_holds_the_statistics_of_its_own_tensor(widths: list[int]) -> None:
    buffers, readback = StagingBuffers(Guard()), Readback()
    tensors = [torch.full((width,), float(place)) for place, width in enumerate(widths)]
    slots = [buffers.buffer_for("sum", one, sums).put(one, readback) for one in tensors]
    assert not any(slot.is_measured for slot in slots)
    buffers.flush(readback)
    assert gather(slots).tolist() == [[float(one.sum()) for one in tensors]]
    assert [slot.units().tolist() for slot in slots] == [one.tolist() for one in tensors]


def test_a_full_buffer_is_measured_and_goes_on() -> None:
    buffer, readback = StagingBuffer(torch.ones(1), sums), Readback()
    slots = [buffer.put(torch.full((1,), float(n)), readback) for n in range(2 * MOST + 3)]
    buffer.flush(readback)
    assert gather(slots)[0].tolist() == list(range(2 * MOST + 3))


def test_a_tensor_may_change_after_it_was_staged() -> None:
    buffer, readback = StagingBuffer(torch.ones(2), sums), Readback()
    tensor = torch.ones(2)
    slot = buffer.put(tensor, readback)
    tensor.zero_()
    buffer.flush(readback)
    assert slot.values().tolist() == [2.0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_entries_keep_their_value_in_every_format(dtype: torch.dtype) -> None:
    tensor = torch.tensor([1.5, -2.25]).to(dtype)
    buffer, readback = StagingBuffer(tensor, sums), Readback()
    slot = buffer.put(tensor, readback)
    buffer.flush(readback)
    assert slot.units().tolist() == [1.5, -2.25]


def test_buffers_that_a_step_did_not_use_are_dropped() -> None:
    buffers, readback = StagingBuffers(Guard()), Readback()
    for width in (1, 2, 3):
        one = torch.ones(width)
        buffers.buffer_for("sum", one, sums).put(one, readback)
        buffers.flush(readback)
        assert len(buffers._buffers) <= 2
    buffers.flush(readback)
    assert not buffers._buffers


def test_a_buffer_that_cannot_be_measured_costs_no_other() -> None:
    def fail(_rows: Tensor, _readback: Readback) -> tuple[Fetch, Fetch]:
        raise RuntimeError

    guard = Guard()
    buffers, readback = StagingBuffers(guard), Readback()
    bad = buffers.buffer_for("bad", torch.ones(2), fail).put(torch.ones(2), readback)
    good = buffers.buffer_for("good", torch.ones(2), sums).put(torch.ones(2), readback)
    buffers.flush(readback)
    assert (bad.is_measured, good.is_measured) == (False, True)
    assert good.values().tolist() == [2.0]
    assert len(guard.problems) == 1
    assert not Slot.unmeasured().is_measured


class Counter(TorchDispatchMode):
    """Counts what torch is asked to do."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's own
        self.calls: list[str] = []

    def __torch_dispatch__(
        self, function: Any, _types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        self.calls.append(str(function))
        return function(*args, **(kwargs or {}))


@contextmanager
def counting() -> Iterator[Counter]:
    with Counter() as counter:
        yield counter


@pytest.mark.parametrize("shape", [(1,), (32, 1), (32, 10), (200, 300)])
def test_memory_and_views_are_bounded_whatever_the_shape(shape: tuple[int, ...]) -> None:
    like, readback = torch.ones(shape), Readback()
    used = 5
    with counting() as counter:
        buffer = StagingBuffer(like, sums)
        for _ in range(used):
            buffer.put(like, readback)
    assert sum("copy_" in call for call in counter.calls) == used
    # One allocation, for each row that was used a view and a copy, and a flush when it is full.
    assert len(counter.calls) <= 1 + 2 * used + 5
    assert len(buffer._rows) <= used
    entries = buffer._memory.numel()
    assert entries <= max(TOGETHER, like.numel())
    assert entries <= max(MOST, 1) * like.numel()


def test_a_view_of_a_row_is_made_once() -> None:
    buffer, readback, one = StagingBuffer(torch.ones(1), sums), Readback(), torch.ones(1)
    for _ in range(3):
        buffer.put(one, readback)
        buffer.flush(readback)
    with counting() as counter:
        buffer.put(one, readback)
    assert counter.calls == ["aten.copy_.default"]
    assert np.isfinite(buffer._memory[0].numpy()).all()
