"""Lost updates of a large weight are counted in runs, as they are of a small one."""

from __future__ import annotations

import pytest
import torch

from gradwidget.capture.stats.lost_updates import count_lost
from gradwidget.capture.stats.norms import PIECE
from gradwidget.capture.stats.readback import Readback


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_counts_of_a_large_weight_are_those_of_its_entries(
    dtype: torch.dtype, *, transposed: bool
) -> None:
    torch.manual_seed(0)
    before = torch.randn(600, PIECE // 500, dtype=dtype)
    gradient = torch.randn(before.shape, dtype=dtype) * (torch.rand(before.shape) < 0.7)
    now = before - 1e-3 * gradient
    moved = now.double() != before.double()
    used = gradient.double() != 0
    if transposed:
        gradient = gradient.t().contiguous().t()
    lost, of = count_lost(now, before, gradient, Readback())()
    assert [lost, of] == [int((used & ~moved).sum()), int(used.sum())]
    assert 0 < lost < of
