"""Norms are those of float64, whatever the size, the layout and the format of the entries."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gradwidget.capture.stats.norms import (
    ALONE,
    DOTTED,
    PIECE,
    SUMMED,
    Magnitudes,
    distance,
    l2,
    large_norm,
    memory_order,
    norm_of_squares,
    pieces,
    row_norms,
    side_by_side,
    squares_in_cache,
    sum_of_squares,
)

EXPONENTS = st.integers(-30, 25)
SIZES = {"one": 1, "few": 50, "just not alone": ALONE, "just alone": ALONE + 1, "two": PIECE + 3}


def truth(tensor: Tensor) -> float:
    return float(np.sqrt((tensor.double().numpy() ** 2).sum()))


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
@given(exponent=EXPONENTS)
@settings(max_examples=20, deadline=None)
def test_the_norm_is_right_from_1e_30_to_1e_25(size: int, exponent: int) -> None:
    entries = noise(size) * 10.0**exponent
    assert float(l2(entries)) == pytest.approx(truth(entries), rel=1e-4)


@given(exponents=st.lists(EXPONENTS, min_size=1, max_size=8), width=st.integers(1, 40))
@settings(deadline=None)
def test_rows_of_very_different_sizes_do_not_disturb_each_other(
    exponents: list[int], width: int
) -> None:
    scale = torch.tensor([10.0**exponent for exponent in exponents], dtype=torch.float64)
    rows = (noise(len(exponents), width).double() * scale[:, None]).float()
    expected = rows.double().norm(dim=1).numpy()
    np.testing.assert_allclose(row_norms(rows), expected, rtol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("size", [50, PIECE + 3])
def test_every_format_is_read(dtype: torch.dtype, size: int) -> None:
    entries = noise(size).to(dtype)
    assert float(l2(entries)) == pytest.approx(truth(entries), rel=1e-4)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("size", [50, PIECE + 3])
def test_what_is_not_finite_shows_in_the_norm(bad: float, size: int) -> None:
    entries = noise(size)
    entries[7] = bad
    found = float(l2(entries))
    assert math.isnan(found) if math.isnan(bad) else found == math.inf


def test_zeros_have_the_norm_0() -> None:
    assert float(l2(torch.zeros(5))) == 0.0
    assert float(l2(torch.zeros(PIECE + 3))) == 0.0


LAYOUTS = {
    "as made": lambda: noise(500, 600),
    "transposed": lambda: noise(600, 500).t(),
    "channels last": lambda: noise(4, 70, 80, 60).to(memory_format=torch.channels_last),
    "every second": lambda: noise(1000, 600)[::2],
    "expanded": lambda: noise(500, 1).expand(500, 600),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_pieces_hold_every_entry_once_and_are_small(name: str) -> None:
    tensor = LAYOUTS[name]()
    found = list(pieces(tensor))
    assert max(len(piece) for piece in found) <= PIECE
    assert torch.equal(torch.cat(found).sort().values, tensor.reshape(-1).sort().values)


@pytest.mark.parametrize("name", ["as made", "transposed", "channels last"])
def test_pieces_of_what_fills_its_memory_are_no_copies(name: str) -> None:
    tensor = LAYOUTS[name]()
    starts = {piece.untyped_storage().data_ptr() for piece in pieces(tensor)}
    assert starts == {tensor.untyped_storage().data_ptr()}


@given(order=st.permutations(range(4)))
def test_memory_order_undoes_a_permutation(order: list[int]) -> None:
    made = torch.empty(2, 3, 4, 5)
    assert made.permute(order).permute(memory_order(made.permute(order))).is_contiguous()


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_large_norm_is_that_of_all_entries(name: str) -> None:
    assert large_norm(LAYOUTS[name]()) == pytest.approx(truth(LAYOUTS[name]()), rel=1e-5)


@given(exponent=EXPONENTS)
@settings(max_examples=15, deadline=None)
def test_the_distance_of_two_tensors_is_the_norm_of_their_difference(exponent: int) -> None:
    one, other = (noise(3, ALONE, seed=seed) * 10.0**exponent for seed in (0, 1))
    assert distance(one, other) == pytest.approx(truth(one.double() - other.double()), rel=1e-4)


def test_the_distance_of_differently_laid_out_tensors_is_entry_by_entry() -> None:
    one, other = noise(300, 400), noise(400, 300, seed=1).t()
    assert distance(one, other) == pytest.approx(truth(one - other), rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_a_distance_that_is_too_small_to_be_squared_is_right(dtype: torch.dtype) -> None:
    one = (noise(2, PIECE) * 1e-22).to(dtype)
    moved = one.clone()
    moved[0, ::1000] *= 2
    assert distance(moved, one) == pytest.approx(truth(moved.double() - one.double()), rel=1e-4)
    assert distance(one, one.clone()) == 0.0


@pytest.mark.parametrize("name", LAYOUTS)
def test_runs_of_several_tensors_are_entry_by_entry(name: str) -> None:
    tensor = LAYOUTS[name]()
    other = tensor.contiguous() + 1
    found = list(side_by_side(tensor, other))
    assert max(len(run) for run, _ in found) <= PIECE
    assert sum(len(run) for run, _ in found) == tensor.numel()
    assert all(torch.equal(left + 1, right) for left, right in found)


def test_equal_entries_add_up_without_a_drift() -> None:
    piece = torch.full((PIECE,), 0.1)
    assert PIECE > 4 * SUMMED
    found = norm_of_squares(sum_of_squares(piece), piece, [piece])
    assert found == pytest.approx(truth(piece), rel=1e-5)


@pytest.mark.parametrize("entries", [1, SUMMED - 1, SUMMED, SUMMED + 1, 3 * SUMMED + 7])
@pytest.mark.parametrize("step", [1, 2])
def test_squares_are_added_up_whatever_their_number(entries: int, step: int) -> None:
    vector = noise(entries * step)[::step]
    assert sum_of_squares(vector) == pytest.approx(truth(vector) ** 2, rel=1e-5)


def test_what_has_not_moved_is_at_no_distance() -> None:
    tensor = noise(2 * ALONE)
    assert distance(tensor, tensor.clone()) == 0.0
    moved = tensor.clone()
    moved[3] += torch.tensor(1e-30)  # is lost to rounding, unless the entry is 0
    moved[4], tensor[4] = 1e-30, 0.0
    assert distance(moved, tensor) == pytest.approx(1e-30)


ODD = [
    [],
    [0.0],
    [-0.0, 1e-42],
    [math.inf],
    [-math.inf, 0.0],
    [math.nan],
    [-math.nan, math.inf],
]


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("entries", [57, DOTTED, 3 * DOTTED])
@pytest.mark.parametrize("odd", ODD, ids=str)
def test_magnitudes_have_the_statistics_that_numpy_finds(
    odd: list[float], entries: int, dtype: torch.dtype
) -> None:
    vector = noise(entries).to(dtype)
    vector[5 : 5 + len(odd)] = torch.tensor(odd).to(dtype)
    work = Magnitudes(vector)
    work.read(noise(entries, seed=1).to(dtype) * 100)  # of which nothing is to be left
    squares, total, largest, count = work.read(vector)
    expected = np.abs(vector.double().numpy())
    assert squares == pytest.approx((expected**2).sum(), rel=1e-5, nan_ok=True)
    assert total == pytest.approx(expected.sum(), rel=1e-5, nan_ok=True)
    np.testing.assert_equal(largest, expected.max())
    assert count == np.count_nonzero(expected)
    assert work.fits(vector)
    assert not work.fits(vector[1:])


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("entries", [1, DOTTED - 1, DOTTED, DOTTED + 1, 3 * DOTTED])
@pytest.mark.parametrize("step", [1, 2])
def test_squares_of_what_is_in_the_cache_are_those_that_are_there_at_the_time(
    entries: int, step: int
) -> None:
    vector = noise(entries * step)[::step]
    squares = squares_in_cache(vector)
    assert squares() == pytest.approx(truth(vector) ** 2, rel=1e-5)
    vector *= 3
    assert squares() == pytest.approx(truth(vector) ** 2, rel=1e-5)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize(
    "view",
    [
        lambda: noise(DOTTED).requires_grad_(),
        lambda: torch.complex(noise(DOTTED), noise(DOTTED, seed=1)).conj().imag,
    ],
    ids=["with a gradient", "negated when it is read"],
)
def test_views_that_numpy_does_not_take_are_squared_too(view: Callable[[], Tensor]) -> None:
    with torch.no_grad():
        found = squares_in_cache(view())()
    assert found == pytest.approx(truth(view().detach().resolve_neg()) ** 2, rel=1e-5)


@pytest.mark.usefixtures("threads")
def test_squares_that_overflow_raise_nothing_whatever_numpy_was_asked_to_do() -> None:
    with np.errstate(all="raise"):
        assert squares_in_cache(torch.full((DOTTED,), 1e25))() == math.inf
        assert squares_in_cache(torch.full((DOTTED,), 1e-30))() == pytest.approx(0)


@pytest.mark.usefixtures("threads")
def test_equal_entries_in_the_cache_add_up_without_a_drift() -> None:
    piece = torch.full((PIECE,), 0.1)
    assert math.sqrt(squares_in_cache(piece)()) == pytest.approx(truth(piece), rel=1e-5)
