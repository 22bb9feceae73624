"""Statistics of many tensors are those of each by itself, in double precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from torch import Tensor

from gradwidget.capture.stats.norms import ALONE, PIECE, TOGETHER
from gradwidget.capture.stats.readback import Readback
from gradwidget.capture.stats.tensor_stats import (
    L1,
    L2,
    NONFINITE,
    NONZERO,
    PEAK,
    alike,
    measure,
    measure_l2,
    norms_of_rows,
    stacked,
)

ANY = arrays.arrays(
    np.float32,
    arrays.array_shapes(min_dims=0, max_dims=3, max_side=6),
    elements=st.floats(-1e4, 1e4, width=32) | st.sampled_from([0.0, -0.0]),
)


def truth(tensor: Tensor) -> list[float]:
    """L2, L1, peak, and how many entries are not 0 and not finite."""
    values = np.abs(tensor.double().numpy())
    with np.errstate(all="ignore"):
        return [
            float(np.sqrt((values**2).sum())),
            float(values.sum()),
            float(values.max(initial=0.0)),
            float((values != 0).sum()),
            float((~np.isfinite(values)).sum()),
        ]


@given(st.lists(ANY, min_size=1, max_size=6))
@settings(deadline=None)
def test_every_tensor_gets_its_own_statistics(values: list[NDArray[np.float32]]) -> None:
    tensors = [torch.from_numpy(np.array(value)) for value in values]
    found = measure(tensors, Readback())()
    expected = np.array([truth(tensor) for tensor in tensors]).T
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-30)
    norms = measure_l2(tensors, Readback())()
    np.testing.assert_allclose(norms, expected[L2], rtol=1e-4, atol=1e-30)


@pytest.mark.parametrize("size", [30, ALONE, ALONE + 1, PIECE + 5])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_small_and_large_tensors_of_every_format_are_read(size: int, dtype: torch.dtype) -> None:
    tensor = torch.randn(size, generator=torch.Generator().manual_seed(0)).to(dtype)
    tensor[::3] = 0
    found = measure([tensor], Readback())()[:, 0]
    np.testing.assert_allclose(found, truth(tensor), rtol=1e-3)


@pytest.mark.parametrize("size", [30, PIECE + 5])
def test_entries_that_are_not_finite_are_counted_and_show_in_the_peak(size: int) -> None:
    tensor = torch.zeros(size)
    tensor[[1, 4, 9]] = torch.tensor([float("nan"), float("inf"), -float("inf")])
    found = measure([tensor, torch.ones(size)], Readback())()
    assert found[NONFINITE].tolist() == [3, 0]
    assert np.isnan(found[PEAK, 0])
    assert found[PEAK, 1] == 1.0


WHERE: dict[str, slice] = {
    "none": slice(0),
    "one": slice(3, 4),
    "half a piece": slice(PIECE // 2),
    "all": slice(None),
}


@pytest.mark.parametrize("sums", [True, False])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("zeros", WHERE)
def test_a_large_tensor_with_zeros_here_and_there_is_counted_right(
    zeros: str, sign: int, *, sums: bool
) -> None:
    tensor = torch.rand(2 * PIECE + 7, generator=torch.Generator().manual_seed(0)) + 1
    tensor *= sign
    tensor[WHERE[zeros]] = 0
    expected = truth(tensor)
    found = measure([tensor], Readback(), sums=sums)()[:, 0].tolist()
    for kind in (L2, L1, PEAK, NONZERO) if sums else (L2, PEAK):
        assert found[kind] == pytest.approx(expected[kind], rel=1e-5)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("sums", [True, False])
def test_one_bad_entry_of_a_large_tensor_is_found(bad: float, *, sums: bool) -> None:
    tensor = torch.ones(2 * PIECE)
    tensor[PIECE + 9] = bad
    found = measure([tensor], Readback(), sums=sums)()[:, 0]
    np.testing.assert_equal(found[PEAK], abs(bad))
    assert found[NONFINITE] == 1
    if sums:
        assert found[NONZERO] == 2 * PIECE


@pytest.mark.parametrize("size", [30, PIECE + 5])
def test_what_is_not_wanted_is_left_at_0(size: int) -> None:
    found = measure([torch.ones(size)], Readback(), sums=False)()[:, 0]
    assert found[[L1, NONZERO]].tolist() == [0, 0]
    assert found[L2] == pytest.approx(size**0.5, rel=1e-4)


def test_empty_tensors_are_zero_in_every_statistic() -> None:
    tensors = [torch.empty(0), torch.ones(2), torch.empty(3, 0)]
    assert measure(tensors, Readback())()[:, [0, 2]].tolist() == [[0, 0]] * 5


@given(st.lists(st.sampled_from([(2, 3), (3, 2), (ALONE,), (0,)]), max_size=12))
@settings(deadline=None)
def test_groups_hold_every_full_tensor_once_and_only_those_that_are_alike(
    shapes: list[tuple[int, ...]],
) -> None:
    tensors = [torch.empty(shape) for shape in shapes]
    groups = alike(tensors)
    grouped = sorted(number for group in groups for number in group)
    assert grouped == [number for number, one in enumerate(tensors) if one.numel()]
    for group in groups:
        assert len({tensors[number].shape for number in group}) == 1
        assert sum(tensors[number].numel() for number in group) <= TOGETHER


def test_a_stack_is_a_copy_in_the_order_of_the_group() -> None:
    tensors = [torch.full((2,), float(number)) for number in range(4)]
    assert stacked(tensors, [3, 1]).tolist() == [[3, 3], [1, 1]]
    assert norms_of_rows(stacked(tensors, [3, 1]), Readback())() == pytest.approx([18**0.5, 2**0.5])
