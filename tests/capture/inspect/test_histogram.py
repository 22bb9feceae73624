"""Histograms and greatest entries against numpy, for tensors of every kind and size."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import Tensor, nn

from gradwidget.capture.inspect import histogram
from gradwidget.capture.inspect.histogram import (
    LIMIT,
    RUN,
    Axis,
    edges_for,
    has_no_histogram,
    histogram_of,
)
from gradwidget.capture.unmeasured import NOTHING
from gradwidget.frame import Entry, Histogram

AXES: tuple[Axis, ...] = ("linear", "log")


def looked_at(tensor: Tensor, axis: Axis = "linear") -> tuple[Histogram, tuple[Entry, ...]]:
    found = histogram_of({"weight": tensor}, step=3, axis=axis, names_worst=True)
    assert not isinstance(found, str), found
    return found


def numbers(dtype: type[np.floating]) -> st.SearchStrategy[np.ndarray]:
    shapes = arrays.array_shapes(max_dims=3, max_side=6)
    return arrays.arrays(dtype, shapes, elements=st.floats(width=np.dtype(dtype).itemsize * 8))  # type: ignore[arg-type]  # a width is typed as one of three


@pytest.mark.parametrize("axis", AXES)
@given(values=st.one_of(numbers(np.float64), numbers(np.float32), numbers(np.float16)))
@settings(deadline=None, max_examples=150)
def test_every_figure_is_that_of_numpy(axis: Axis, values: np.ndarray) -> None:
    spread, worst = looked_at(torch.from_numpy(values), axis)
    finite = values[np.isfinite(values)].astype(np.float64)
    assert (np.diff(spread.edges) >= 0).all()
    assert np.isfinite(spread.edges).all()
    assert spread.counts.tolist() == np.histogram(finite, spread.edges)[0].tolist()
    assert spread.counts.sum() == len(finite), "no finite entry lies outside of the bins"
    assert (spread.counted, spread.total) == (values.size, values.size)
    assert spread.zeros == (values == 0).sum()
    assert spread.nans == np.isnan(values).sum()
    assert spread.infinities == np.isinf(values).sum()
    if len(finite):
        assert (spread.low, spread.high) == (finite.min(), finite.max())
    else:
        assert math.isnan(spread.low)
        assert math.isnan(spread.high)
    sizes = np.where(np.isfinite(values), np.abs(values.astype(np.float64)), np.inf)
    greatest = np.sort(sizes[sizes > 0].ravel())[::-1][:5]
    assert [sizes[entry.index] for entry in worst] == greatest.tolist()
    for entry in worst:
        assert np.array_equal(values[entry.index].astype(np.float64), entry.value, equal_nan=True)


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.int8, torch.int64]
)
def test_every_number_format_is_read(dtype: torch.dtype) -> None:
    tensor = torch.tensor([[0, 1, -2], [3, 4, -6]]).to(dtype)
    spread, worst = looked_at(tensor)
    assert (spread.low, spread.high, spread.zeros, spread.counts.sum()) == (-6, 4, 1, 6)
    assert worst[0] == Entry("weight", (1, 2), -6.0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: torch.ones(2, dtype=torch.complex64), "complex"),
        (lambda: torch.eye(3).to_sparse(), "sparse_coo"),
        (lambda: torch.eye(3).to_sparse_csr(), "sparse_csr"),
        (lambda: torch.ones(2, device="meta"), "no values"),
        (lambda: torch.empty(0, 3), "empty"),
        (lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8), "quantized"),
        (lambda: nn.LazyLinear(2).weight, "first forward"),
    ],
)
# torch announces that these kinds of tensors are young, or old.
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_what_has_no_histogram_is_said_in_words(make: Callable[[], Tensor], words: str) -> None:
    found = histogram_of({"weight": make()}, step=0, axis="linear")
    assert isinstance(found, str)
    assert words in found


def test_the_values_inside_a_transform_cannot_be_read() -> None:
    reasons: list[str | None] = []

    def function(x: Tensor) -> Tensor:
        reasons.append(has_no_histogram(x))
        return x.sum()

    torch.func.grad(function)(torch.ones(3))
    assert "torch.func" in str(reasons[0])


def test_parameters_are_taken_together_and_one_that_cannot_be_read_is_named() -> None:
    tensors = {
        "weight": torch.tensor([[1.0, -3.0]]),
        "bias": torch.tensor([2.0]),
        "odd": torch.ones(1, device="meta"),
    }
    found = histogram_of(tensors, step=0, axis="linear", note="after relu", names_worst=True)
    assert not isinstance(found, str)
    spread, worst = found
    assert spread.total == 3
    assert spread.note == "after relu · not of odd: It is on the meta device and has no values."
    assert worst == (
        Entry("weight", (0, 1), -3.0),
        Entry("bias", (0,), 2.0),
        Entry("weight", (0, 0), 1.0),
    )


def test_what_does_not_exist_is_said() -> None:
    assert histogram_of({}, step=0, axis="linear") == NOTHING


def test_entries_that_are_not_finite_come_first() -> None:
    _, worst = looked_at(torch.tensor([1.0, 1e30, math.nan, -math.inf]))
    assert [str(entry.value) for entry in worst[2:]] == [str(np.float32(1e30).item()), "1.0"]
    assert {entry.index for entry in worst[:2]} == {(2,), (3,)}


def test_a_large_tensor_is_sampled_and_says_so_while_zeros_and_extremes_are_those_of_all() -> None:
    torch.manual_seed(0)
    tensor = torch.randn(3, 700, 701)
    assert tensor.numel() > RUN > LIMIT
    tensor[2, 699, 3] = 50.0
    tensor[:, 0] = 0
    spread, worst = looked_at(tensor)
    assert spread.total == tensor.numel()
    assert LIMIT / 2 < spread.counted <= LIMIT
    assert spread.counts.sum() == spread.counted
    assert spread.zeros == 3 * 701
    assert spread.high == 50.0
    assert worst[0] == Entry("weight", (2, 699, 3), 50.0)
    whole, _ = np.histogram(tensor.numpy(), spread.edges)
    assert np.allclose(spread.counts / spread.counted, whole / tensor.numel(), atol=0.01)


def test_a_sample_misses_no_column_of_a_matrix_whose_width_is_round() -> None:
    tensor = torch.zeros(2048, 1024)
    tensor[:, 1::2] = 1.0
    spread, _ = looked_at(tensor)
    assert spread.counted < spread.total
    assert spread.counts[-1] or spread.counts.max() < spread.counted
    ones = np.histogram([1.0], spread.edges)[0].argmax()
    assert spread.counts[ones] / spread.counted == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(12.0).reshape(3, 4).T,
        torch.arange(24.0).reshape(4, 6)[:, ::2],
        torch.tensor([[1.0], [2.0], [3.0]]).expand(3, 4),
        torch.arange(96.0).reshape(2, 3, 4, 4).to(memory_format=torch.channels_last),
    ],
)
def test_indices_are_those_of_the_tensor_however_it_lies_in_memory(
    tensor: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(histogram, "RUN", 5)
    spread, worst = looked_at(tensor)
    assert spread.counts.sum() == tensor.numel()
    assert worst[0].value == tensor.max()
    assert all(tensor[entry.index] == entry.value for entry in worst)
    assert len({entry.index for entry in worst}) == 5


def test_an_elementwise_function_and_a_loss_scale_are_taken_into_account() -> None:
    found = histogram_of(
        {"output": torch.tensor([-1.0, 4.0])},
        step=0,
        axis="linear",
        through=torch.relu,
        divisor=2.0,
        names_worst=True,
    )
    assert not isinstance(found, str)
    spread, worst = found
    assert (spread.low, spread.high, spread.zeros) == (0.0, 2.0, 1)
    assert worst == (Entry("output", (1,), 2.0),)


@given(
    low=st.floats(allow_nan=False, allow_infinity=False),
    high=st.floats(allow_nan=False, allow_infinity=False),
)
def test_edges_hold_both_extremes_and_have_zero_in_the_middle_where_there_are_both_signs(
    low: float, high: float
) -> None:
    low, high = min(low, high), max(low, high)
    for axis in AXES:
        edges = edges_for(low, high, axis)
        assert edges[0] <= low <= high <= edges[-1]
    if low < 0 < high and max(-low, high) < 1e300:
        edges = edges_for(low, high, "linear")
        assert len(edges) % 2 == 0, "a bin in the middle"
        assert edges[len(edges) // 2 - 1] < 0 < edges[len(edges) // 2] or max(-low, high) < 1e-300


def test_looking_draws_no_random_number_and_changes_nothing() -> None:
    tensor = torch.randn(50, 50, requires_grad=True)
    before, state, version = tensor.detach().clone(), torch.get_rng_state(), tensor._version
    looked_at(tensor, "log")
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(tensor.detach(), before)
    assert (tensor._version, tensor.grad) == (version, None)
