"""How far weights have moved, whatever moved them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gradwidget.capture.collect.weight_updates import WeightUpdates
from gradwidget.capture.guard import Guard
from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.stats.norms import ALONE
from gradwidget.capture.stats.readback import Readback

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64]


class Bag(nn.Module):
    """Parameters of any shape and type, each a layer of its own."""

    def __init__(self, tensors: Sequence[torch.Tensor]) -> None:
        super().__init__()
        for number, one in enumerate(tensors):
            part = nn.Module()
            part.register_parameter("weight", nn.Parameter(one))
            self.add_module(str(number), part)


def moved(
    updates: WeightUpdates, table: LayerTable, changes: dict[int, torch.Tensor]
) -> dict[int, float]:
    """What is found of the parameters that are copied, after these changes."""
    parameters = table.tensors()
    list(updates.before(parameters, range(len(parameters))))
    with torch.no_grad():
        for number, change in changes.items():
            one = parameters[number]
            assert one is not None
            one.add_(change)
    reading = updates.after(parameters, Readback())
    assert reading is not None
    return dict(zip(reading.numbers, reading.fetch().tolist(), strict=True))


@given(
    st.lists(st.sampled_from([(3,), (2, 5), (1,), (ALONE + 3,)]), min_size=1, max_size=5),
    st.lists(st.sampled_from(DTYPES), min_size=5, max_size=5),
    st.integers(0, 99),
)
@settings(deadline=None, max_examples=40)
def test_the_norm_of_each_change_is_found(
    shapes: list[tuple[int, ...]], dtypes: list[torch.dtype], seed: int
) -> None:
    torch.manual_seed(seed)
    bag = Bag([torch.randn(shape).to(dtypes[n]) for n, shape in enumerate(shapes)])
    table = LayerTable(bag, None)
    before = [one.detach().clone() for one in bag.parameters()]
    changes = {n: 0.1 * torch.randn(shape).to(dtypes[n]) for n, shape in enumerate(shapes)}
    found = moved(WeightUpdates(table, Guard(), None), table, changes)
    for number, (one, old) in enumerate(zip(bag.parameters(), before, strict=True)):
        wide = torch.complex128 if old.is_complex() else torch.float64
        expected = float((one.detach().to(wide) - old.to(wide)).norm())
        assert found[number] == pytest.approx(expected, rel=1e-4)


@given(st.lists(st.integers(1, 40), min_size=2, max_size=8), st.integers(40, 120))
@settings(deadline=None)
def test_layers_take_turns_under_a_limit_and_all_get_theirs(sizes: list[int], limit: int) -> None:
    bag = Bag([torch.ones(size) for size in sizes])
    table = LayerTable(bag, None)
    updates = WeightUpdates(table, Guard(), 4 * limit)
    seen: set[int] = set()
    for _ in sizes:
        copied = moved(updates, table, {})
        assert sum(sizes[number] for number in copied) <= limit
        seen |= set(copied)
    assert seen == set(range(len(sizes)))


def test_a_failure_that_no_weight_explains_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    bag = Bag([torch.ones(3), torch.ones(3)])
    table, guard = LayerTable(bag, None), Guard()
    updates = WeightUpdates(table, guard, None)
    stack, failures = torch.stack, [1]

    def fails_once(*args: object, **options: object) -> torch.Tensor:
        if failures:
            failures.pop()
            raise RuntimeError
        return stack(*args, **options)  # type: ignore[arg-type]  # handed on

    monkeypatch.setattr(torch, "stack", fails_once)
    assert moved(updates, table, {}) == {0: 0.0, 1: 0.0}
    assert len(guard.problems) == 1


def test_the_copies_of_large_parameters_are_used_again() -> None:
    bag = Bag([torch.ones(ALONE + 1)])
    table = LayerTable(bag, None)
    updates = WeightUpdates(table, Guard(), None)
    ((_, first),) = updates.before(table.tensors(), [0])
    ((_, second),) = updates.before(table.tensors(), [0])
    assert first.data_ptr() == second.data_ptr()


def test_layers_that_take_turns_are_copied_to_the_same_memory() -> None:
    bag = Bag([torch.ones(ALONE + 1), torch.ones(ALONE + 2)])
    table = LayerTable(bag, None)
    updates = WeightUpdates(table, Guard(), 4 * (ALONE + 2))
    list(updates.before(table.tensors(), [1]))
    places = set()
    for _ in range(2):
        ((_, copy),) = updates.before(table.tensors(), [0, 1])
        places.add(copy.untyped_storage().data_ptr())
    assert len(places) == 1


def test_a_step_that_changes_nothing_moves_nothing() -> None:
    bag = Bag([torch.ones(3), torch.ones(ALONE + 1)])
    table = LayerTable(bag, None)
    assert moved(WeightUpdates(table, Guard(), None), table, {}) == {0: 0.0, 1: 0.0}


@pytest.mark.parametrize("shape", [(3,), (4,), (ALONE + 1,)], ids=["alike", "other", "large"])
def test_one_that_cannot_be_compared_costs_no_other(shape: tuple[int, ...]) -> None:
    bag = Bag([torch.ones(3), torch.ones(shape)])
    table = LayerTable(bag, None)
    updates = WeightUpdates(table, Guard(), None)
    list(updates.before(table.tensors(), [0, 1]))
    odd = nn.Parameter(torch.ones(3, device="meta"))
    torch.utils.swap_tensors(bag.get_parameter("0.weight"), odd)
    with torch.no_grad():
        bag.get_parameter("1.weight").add_(1)
    reading = updates.after(table.tensors(), Readback())
    assert reading is not None
    assert reading.numbers == [1]
    assert reading.fetch() == pytest.approx([bag.get_parameter("1.weight").numel() ** 0.5])
    assert 0 in reading.refused


def test_one_that_cannot_be_copied_costs_no_other() -> None:
    bag = Bag([torch.ones(3), torch.ones(3)])
    table = LayerTable(bag, None)
    updates = WeightUpdates(table, Guard(), None)
    odd = nn.Parameter(torch.ones(3, device="meta"))
    torch.utils.swap_tensors(bag.get_parameter("0.weight"), odd)
    parameters = table.tensors()
    list(updates.before(parameters, [0, 1]))
    with torch.no_grad():
        bag.get_parameter("1.weight").add_(2)
    reading = updates.after(parameters, Readback())
    assert reading is not None
    assert 1 in reading.numbers
    assert reading.fetch()[reading.numbers.index(1)] == pytest.approx(2 * 3**0.5)
