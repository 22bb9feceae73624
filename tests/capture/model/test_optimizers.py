"""Which parameters an optimizer holds, as its groups and the model change."""

from __future__ import annotations

import gc

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim import SGD, Adam

from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.model.optimizers import OptimizerParameters


def chain(length: int = 3) -> nn.Sequential:
    return nn.Sequential(*[nn.Linear(1, 1) for _ in range(length)])


@given(st.sets(st.integers(0, 5), min_size=1), st.sets(st.integers(0, 5)))
@settings(deadline=None)
def test_an_optimizer_holds_what_is_in_its_groups_and_trained(
    held: set[int], frozen: set[int]
) -> None:
    model = chain()
    parameters = list(model.parameters())
    for number in frozen:
        parameters[number].requires_grad = False
    found = OptimizerParameters(LayerTable(model, None), None)
    optimizer = SGD([{"params": [parameters[number]]} for number in sorted(held)], 0.1)
    assert found.of(optimizer) == sorted(held - frozen)
    assert found.of(optimizer) == sorted(held - frozen)


def test_a_group_that_is_added_later_is_seen() -> None:
    model = chain()
    found = OptimizerParameters(LayerTable(model, None), None)
    optimizer = SGD(model[0].parameters(), 0.1)
    assert found.of(optimizer) == [0, 1]
    optimizer.add_param_group({"params": list(model[2].parameters())})
    assert found.of(optimizer) == [0, 1, 4, 5]


def test_parameters_that_were_replaced_are_lost() -> None:
    model = chain()
    table = LayerTable(model, None)
    found = OptimizerParameters(table, None)
    optimizer = SGD(model.parameters(), 0.1)
    assert found.of(optimizer)
    assert not found.lost(optimizer)
    model.load_state_dict({k: v.clone() for k, v in model.state_dict().items()}, assign=True)
    table.refresh(model)
    assert found.of(optimizer) == []
    assert found.lost(optimizer)
    foreign = SGD([nn.Parameter(torch.ones(1))], 0.1)
    assert not found.lost(foreign)


def test_where_one_is_meant_the_others_are_not_listened_to() -> None:
    model = chain()
    meant, other = SGD(model.parameters(), 0.1), SGD(model.parameters(), 0.1)
    found = OptimizerParameters(LayerTable(model, None), meant)
    assert found.of(meant)
    assert found.of(other) == []


def test_an_optimizer_that_no_longer_exists_is_forgotten() -> None:
    model = chain()
    found = OptimizerParameters(LayerTable(model, None), None)
    first, second = SGD(model[0].parameters(), 0.1), SGD(model[1].parameters(), 0.1)
    assert (found.of(first), found.of(second)) == ([0, 1], [2, 3])
    del first
    gc.collect()
    assert found.optimizers() == [second]


def test_optimizers_are_named_in_the_order_of_their_first_steps_and_while_they_exist() -> None:
    model, other = chain(), chain()
    found = OptimizerParameters(LayerTable(model, None), None)
    assert found.held() is None
    optimizers = [Adam(model[1].parameters()), SGD(model[0].parameters(), 0.1)]
    foreign, unused = SGD(other.parameters(), 0.1), Adam(model.parameters())
    for optimizer in (foreign, *optimizers, *optimizers):
        found.step_begins(optimizer)
    assert found.of(unused) == [0, 1, 2, 3, 4, 5]
    assert found.names() == ("Adam", "SGD")
    assert found.held() == {0, 1, 2, 3}
    del optimizers[0], optimizer
    gc.collect()
    assert found.names() == ("SGD",)
    assert found.held() == {0, 1}
    assert found.everything_held() == {
        id(one) for one in (*model[0].parameters(), *other.parameters())
    }


def test_of_an_optimizer_around_another_the_inner_one_is_named() -> None:
    class Around(SGD):
        def __init__(self, inner: Adam) -> None:
            super().__init__(inner.param_groups[0]["params"], 0.1)
            self.param_groups = inner.param_groups

    model = chain()
    inner = Adam(model.parameters())
    outer = Around(inner)
    found = OptimizerParameters(LayerTable(model, None), inner)
    for optimizer in (outer, inner):
        found.step_begins(optimizer)
    assert found.names() == ("Adam",)
    assert found.held() == set(range(6))


def test_another_optimizer_than_the_one_listened_to_is_never_lost() -> None:
    model = chain()
    one, other = SGD(model[0].parameters(), 0.1), SGD(model[1].parameters(), 0.1)
    found = OptimizerParameters(LayerTable(model, None), one)
    found.step_begins(other)
    assert found.held() == {2, 3}
    assert found.of(other) == []
    assert not found.lost(other)
    assert found.optimizers() == []
    assert found.of(one) == [0, 1]
    assert found.optimizers() == [one]
