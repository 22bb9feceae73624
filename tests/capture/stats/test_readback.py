"""Values come back as float64, as they were when they were sent for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from gradwidget.capture.model.unreadable import UnreadableError
from gradwidget.capture.stats.readback import Readback, as_numpy, never_sent


@given(arrays.arrays(np.float32, arrays.array_shapes(min_dims=0, max_dims=3, max_side=5)))
def test_values_keep_their_shape_and_their_bits(values: NDArray[np.float32]) -> None:
    fetch = Readback().add(torch.from_numpy(np.array(values)))
    assert fetch().dtype == np.float64
    np.testing.assert_array_equal(fetch(), values.astype(np.float64))


@pytest.mark.parametrize(
    "dtype",
    [torch.bfloat16, torch.float16, torch.float32, torch.float64, torch.int64, torch.bool],
)
def test_every_type_is_read(dtype: torch.dtype) -> None:
    values = torch.tensor([0, 1, 1]).to(dtype)
    assert as_numpy(values).tolist() == [0.0, 1.0, 1.0]


def test_what_is_written_later_does_not_show() -> None:
    readback, value = Readback(), torch.ones(2)
    fetch, number = readback.add(value), readback.add_number(value[0])
    value.zero_()
    assert fetch().tolist() == [1.0, 1.0]
    assert number() == 1.0


def test_a_value_with_a_graph_can_be_read() -> None:
    value = torch.tensor([2.0], requires_grad=True) * 3
    assert Readback().add(value)().tolist() == [6.0]
    assert Readback().add_number(value)() == 6.0


@given(st.floats(width=32), st.sampled_from([(), (1,), (1, 1)]))
def test_a_number_is_read_in_every_shape(value: float, shape: tuple[int, ...]) -> None:
    found = Readback().add_number(torch.full(shape, value, dtype=torch.float32))()
    np.testing.assert_equal(found, value)


def test_on_the_cpu_all_is_there_at_once() -> None:
    readback = Readback()
    readback.add(torch.ones(3))
    assert readback.ready
    readback.send()
    readback.wait()
    assert readback.ready


def test_what_has_no_values_is_refused_before_it_can_spoil_others() -> None:
    readback = Readback()
    with pytest.raises(UnreadableError, match="meta device"):
        readback.add(torch.ones(2, device="meta"))
    readback.send()
    assert readback.ready
    with pytest.raises(LookupError):
        never_sent()
