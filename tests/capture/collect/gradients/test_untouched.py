"""What a loop may do to a large gradient shows, whether or not it raises the version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gradwidget.capture.collect.gradients.untouched import SPREAD, Untouched, can_be_watched
from gradwidget.capture.stats.norms import PIECE

SHAPES = {"matrix": (700, 300), "vector": (2 * PIECE + 7,), "kernels": (64, 32, 9, 9)}
DTYPES = [torch.bfloat16, torch.float16, torch.float32, torch.float64]


def masked(parameter: Any) -> None:
    parameter.grad.data[: len(parameter) // 2] = 0


def clamped(parameter: Any) -> None:
    peak = float(parameter.grad.abs().max())
    parameter.grad.data.clamp_(-0.99 * peak, 0.99 * peak)


def replaced_data(parameter: Any) -> None:
    parameter.grad.data = parameter.grad.data / 2


def replaced(parameter: Any) -> None:
    parameter.grad = parameter.grad.clone()


def scaled_in_numpy(parameter: Any) -> None:
    entries = parameter.grad.detach().view(torch.uint8).numpy()
    entries[...] = (parameter.grad / 2).view(torch.uint8).numpy()


CHANGES: dict[str, Callable[[Any], object]] = {
    "clipped": lambda one: nn.utils.clip_grad_norm_([one], 1e-3),
    "scaled": lambda one: one.grad.mul_(2),
    "scaled as data": lambda one: one.grad.data.mul_(0.5),
    "scaled with others": lambda one: torch._foreach_mul_([one.grad], 0.5),
    "scaled by a number close to 1": lambda one: one.grad.data.mul_(0.98),
    "scaled in numpy": scaled_in_numpy,
    "one row in place": lambda one: one.grad[0].zero_(),
    "masked": masked,
    "bounded": clamped,
    "set to 0": lambda one: one.grad.data.zero_(),
    "added to": lambda one: one.grad.add_(1),
    "with other data": replaced_data,
    "replaced": replaced,
}


def with_gradient(shape: tuple[int, ...], dtype: torch.dtype) -> nn.Parameter:
    torch.manual_seed(0)
    parameter = nn.Parameter(torch.zeros(shape, dtype=dtype))
    parameter.grad = torch.randn(shape).to(dtype)
    return parameter


def watched(gradient: Tensor) -> Untouched:
    """As it is where a gradient has been read in full."""
    found = Untouched(gradient)
    place = int(gradient.flatten().abs().argmax())
    found.note_largest(gradient, place // PIECE)
    return found


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen(shape: tuple[int, ...], dtype: torch.dtype, change: str) -> None:
    parameter = with_gradient(shape, dtype)
    gradient = parameter.grad
    assert gradient is not None
    assert can_be_watched(gradient)
    before = watched(gradient)
    assert before.is_still(gradient)
    CHANGES[change](parameter)
    assert parameter.grad is not None
    assert not before.is_still(parameter.grad)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_looking_at_a_gradient_is_no_change(shape: tuple[int, ...]) -> None:
    parameter = with_gradient(shape, torch.float32)
    assert parameter.grad is not None
    before = watched(parameter.grad)
    nn.utils.get_total_norm([parameter.grad])
    parameter.grad.data.abs().sum()
    assert np.isfinite(parameter.grad.numpy()).all()
    torch.optim.SGD([parameter], 0.1, momentum=0.9).step()
    assert before.is_still(parameter.grad)


def test_of_a_gradient_few_entries_are_kept() -> None:
    gradient = torch.randn(100 * SPREAD)
    kept = Untouched(gradient)._entries
    assert len(kept) == 100
    assert kept.untyped_storage().nbytes() == 400


def test_every_column_of_a_matrix_is_looked_at() -> None:
    width = 64
    gradient = torch.arange(width).repeat(width * SPREAD // width, 1).float()
    assert set(Untouched(gradient)._entries.tolist()) == set(range(width))


# torch announces that these kinds of tensors are young, or old.
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_other_kinds_of_tensors_are_not_watched() -> None:
    with torch.inference_mode():
        without_version = torch.ones(9)
    for other in (
        without_version,
        torch.ones(3, 3).to_sparse(),
        torch.ones(3, 3).to_sparse_csr(),
        torch.ones(9, dtype=torch.complex64),
        torch.ones(9, device="meta"),
        torch.nested.as_nested_tensor([torch.ones(2)]),
        torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
        torch.ones(1).expand(9),
        torch.ones(3, 3)[:, :2],
        nn.Parameter(torch.ones(9)),
    ):
        assert not can_be_watched(other)


@pytest.mark.parametrize(
    "gradient",
    [
        torch.ones(3, 5).T,
        torch.ones(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
        torch.ones(9)[2:5],
        torch.ones(9, requires_grad=True) * 2,
    ],
    ids=["transposed", "channels last", "a part", "with a graph"],
)
def test_however_it_lies_in_memory_it_is_watched_where_it_has_no_gaps(gradient: Tensor) -> None:
    assert can_be_watched(gradient)
    before = watched(gradient)
    assert before.is_still(gradient)
    gradient.data.mul_(2)
    assert not before.is_still(gradient)
