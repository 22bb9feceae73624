"""One tensor that cannot be read costs no other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gradwidget.capture.guard import Guard
from gradwidget.capture.stats.measured_tensors import flags, joined, read, refused_in
from gradwidget.capture.stats.readback import Fetch, Readback
from gradwidget.capture.stats.tensor_stats import L2, measure, measure_l2

KINDS = {
    "dense": lambda: torch.ones(3),
    "large": lambda: torch.ones(300, 300),
    "complex": lambda: torch.ones(3, dtype=torch.complex64),
    "stored": lambda: torch.ones(3).to_sparse(),
    "meta": lambda: torch.ones(3, device="meta"),
    "nested": lambda: torch.nested.as_nested_tensor([torch.ones(2)]),
    "quantized": lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
}
NORMS = {"dense": 3**0.5, "large": 300.0, "complex": 3**0.5, "stored": 3**0.5}


# torch announces that these kinds of tensors are young, or old.
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
@given(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=6))
@settings(deadline=None)
def test_those_that_can_be_read_are_right_and_the_others_have_a_reason(kinds: list[str]) -> None:
    guard = Guard()
    tensors = {2 * place: KINDS[kind]() for place, kind in enumerate(kinds)}
    for height, row, function in ((5, L2, measure), (1, 0, measure_l2)):
        reading = read(tensors, partial(function, readback=Readback()), guard)
        values, are_read = joined([reading], height, 2 * len(kinds))
        for place, kind in enumerate(kinds):
            assert are_read[2 * place] == (kind in NORMS)
            if kind in NORMS:
                assert values[row, 2 * place] == pytest.approx(NORMS[kind], rel=1e-4)
            else:
                assert refused_in([reading])[2 * place].endswith(".")
    assert guard.problems == []


def test_a_failure_that_the_tensor_does_not_explain_is_a_problem_too() -> None:
    def fail(tensors: Sequence[Tensor]) -> Fetch:
        if any(one.sum() == 2 for one in tensors):
            message = "no twos"
            raise RuntimeError(message)
        return measure_l2(tensors, Readback())

    guard = Guard()
    reading = read({0: torch.ones(1), 1: torch.ones(2), 2: torch.ones(3)}, fail, guard)
    assert reading.numbers == [0, 2]
    assert reading.fetch() == pytest.approx([1.0, 3**0.5])
    assert "no twos" in reading.refused[1]
    assert len(guard.problems) == 1
    assert "fail" in guard.problems[0].traceback


def test_readings_are_joined_by_number() -> None:
    guard = Guard()
    l2 = partial(measure_l2, readback=Readback())
    parts = [read({3: torch.full((1,), 3.0)}, l2, guard), read({}, l2, guard)]
    values, are_read = joined([*parts, read({0: torch.full((1,), 5.0)}, l2, guard)], 1, 4)
    assert values.tolist() == [[5.0, 0.0, 0.0, 3.0]]
    assert are_read.tolist() == [True, False, False, True]
    assert flags([1, 2], 4).tolist() == [False, True, True, False]
