from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from gradwidget.capture.processes.merged_statistics import HEIGHTS, MergedStatistics, packed
from gradwidget.capture.stats.readback import Readback
from gradwidget.capture.stats.tensor_stats import measure


def told(parts: list[torch.Tensor], counted: list[bool]) -> np.ndarray[Any, Any]:
    """What a process tells of its parts of parameters."""
    found = {"gradients": (measure(parts, Readback())(), np.ones(len(parts), np.bool_))}
    return packed(found, list(range(len(parts))), np.array(counted))


def filled(
    merged: MergedStatistics, count: int
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    values, are_read = np.zeros((HEIGHTS["gradients"], count)), np.zeros(count, np.bool_)
    merged.fill("gradients", values, are_read)
    return values, are_read


def test_parts_together_have_the_statistics_of_the_whole() -> None:
    tensors = [torch.randn(7, 3), torch.randn(5).relu()]
    chunks = [[one.chunk(2)[place] for one in tensors] for place in (0, 1)]
    merged = MergedStatistics(
        [0, 1], [told(one, [True, True]) for one in chunks], np.ones((2, 2), np.bool_)
    )
    values, are_read = filled(merged, 2)
    assert are_read.all()
    np.testing.assert_allclose(values, measure(tensors, Readback())(), rtol=1e-6)


def test_of_several_copies_one_is_counted() -> None:
    tensor = torch.randn(4)
    copies = [told([tensor], [True]), told([tensor], [False]), told([tensor], [True])]
    # The third holds another copy: not the one that counts.
    merged = MergedStatistics([0], copies, np.array([[True], [True], [False]]))
    np.testing.assert_allclose(filled(merged, 1)[0], measure([tensor], Readback())(), rtol=1e-6)


def test_a_nan_in_one_part_is_one_of_the_whole() -> None:
    parts = [told([torch.tensor([1.0, torch.nan])], [True]), told([torch.ones(2)], [True])]
    values, _ = filled(MergedStatistics([0], parts, np.ones((2, 1), np.bool_)), 1)
    assert np.isnan(values[0, 0])
    assert np.isnan(values[2, 0])
    assert values[4, 0] == 1


@pytest.mark.parametrize("counted", [True, False])
def test_a_part_that_was_not_read_is_lacking_where_it_counts(counted: bool) -> None:  # noqa: FBT001  # as pytest passes it
    nothing = packed({}, [0], np.array([counted]))
    merged = MergedStatistics(
        [0], [told([torch.ones(2)], [True]), nothing], np.ones((2, 1), np.bool_)
    )
    assert merged.lacking == ([0] if counted else [])
