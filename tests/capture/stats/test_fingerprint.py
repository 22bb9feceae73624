"""What tells a batch from another one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from gradwidget.capture.stats.fingerprint import are_same, fingerprint, is_scaled
from gradwidget.capture.stats.readback import Readback, Values


def of(data: Tensor) -> Values:
    return fingerprint(data, Readback())()


def test_the_same_entries_in_another_order_are_other_data() -> None:
    data = torch.arange(12.0).reshape(3, 4)
    assert are_same(of(data), of(data.clone()))
    assert not are_same(of(data), of(data.flip(0)))


def test_data_of_zeros_says_nothing() -> None:
    assert not are_same(of(torch.zeros(4)), of(torch.zeros(4)))


def test_data_that_is_scaled_and_shifted_is_found_again() -> None:
    data = torch.rand(5, 7)
    assert is_scaled(of(data * 255), of((data - 0.5) / 0.3), data.numel())
    assert not is_scaled(of(data), of(torch.rand(5, 7)), data.numel())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
def test_nothing_is_raised_for_data_that_is_not_finite(value: float) -> None:
    """A user may have asked numpy to raise."""
    odd = torch.ones(6)
    odd[2] = value
    with np.errstate(all="raise"):
        assert not is_scaled(of(odd), of(torch.rand(6)), 6)
        assert not are_same(of(odd), of(torch.rand(6)))
