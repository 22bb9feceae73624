"""The layers of a model, their order, their owners, and what it costs to keep them up to date."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from gradwidget.capture.capture import Capture
from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.model.parameter_handle import ParameterHandle
from gradwidget.capture.model.selection import LayerFilter
from gradwidget.frame import ROOT, Layer


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.out = nn.Embedding(5, 3), nn.Linear(3, 5, bias=False)
        self.out.weight = self.embed.weight
        self.gain = nn.Parameter(torch.ones(1))


def names(table: LayerTable) -> list[str]:
    return [layer.name for layer in table.layers]


def owned(table: LayerTable) -> dict[str, set[int]]:
    """The numbers of the parameters of each layer, as the pairs tell."""
    found: dict[str, set[int]] = {layer.name: set() for layer in table.layers}
    for number, row in zip(*table.pairs, strict=True):
        found[table.layers[int(row)].name].add(int(number))
    return found


@st.composite
def models(draw: st.DrawFn) -> nn.Module:
    kinds: list[Callable[[], nn.Module]] = [
        lambda: nn.Linear(2, 2),
        nn.ReLU,
        lambda: nn.Linear(2, 2, bias=False),
        lambda: nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)),
        lambda: weight_norm(nn.Linear(2, 2)),
    ]
    parts = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=6))
    return nn.Sequential(nn.Linear(2, 2), *[part() for part in parts])


@given(models())
@settings(deadline=None, max_examples=40)
def test_every_parameter_is_owned_by_the_layer_that_holds_it(model: nn.Module) -> None:
    table = LayerTable(model, None)
    for name, parameter in model.named_parameters(remove_duplicate=False):
        layer = name.rpartition(".")[0].partition(".parametrizations")[0]
        number = table.number_of(parameter)
        assert number is not None
        assert number in table.numbers_of(layer).values()
        assert number in owned(table)[layer]
        assert table.tensors()[number] is parameter
        assert table.layer_of(parameter) == layer
        assert layer in dict(table.names_of(number))
    assert len(table.parameters) == len(list(model.parameters()))
    assert table.number_of(torch.ones(1)) is None


def test_tied_parameters_have_one_number_and_all_their_layers() -> None:
    table = LayerTable(Tied(), None)
    assert names(table) == [ROOT, "embed", "out"]
    assert table.numbers_of("embed")["weight"] == table.numbers_of("out")["weight"]
    assert owned(table)["embed"] == owned(table)["out"]
    assert table.names_of(table.numbers_of("out")["weight"]) == [
        ("embed", "weight"),
        ("out", "weight"),
    ]


@given(st.permutations(range(5)), st.integers(1, 5))
@settings(deadline=None)
def test_layers_stand_in_the_order_in_which_they_ran(order: list[int], seen: int) -> None:
    model = nn.Sequential(*[nn.Linear(1, 1) for _ in range(5)])
    table = LayerTable(model, None)
    ran = order[:seen]
    table.ran([id(model[place]) for place in ran])
    rows = names(table)
    assert [name for name in rows if int(name) in ran] == [str(place) for place in ran]
    # One that has not run stays behind the one registered before it, where there is one.
    for name in rows:
        if int(name) not in ran and name != "0":
            before = str(int(name) - 1)
            assert rows.index(before) < rows.index(name)
    assert owned(table) == {name: set(table.numbers_of(name).values()) for name in rows}


def test_a_replaced_and_a_frozen_parameter_are_seen_at_the_next_refresh() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    table = LayerTable(model, None)
    layers, generation = table.layers, table.generation
    assert not table.refresh(model)
    assert table.layers is layers
    model[0].weight = nn.Parameter(torch.ones(3, 2))
    assert table.tensors()[0] is None, "the old one no longer belongs to the model"
    assert table.refresh(model)
    assert table.tensors()[0] is model[0].weight
    assert table.layers[0].shapes["weight"] == (3, 2)
    model[1].requires_grad_(requires_grad=False)
    assert table.refresh(model)
    assert [layer.trainable for layer in table.layers] == [True, False]
    assert table.generation == generation + 2


def test_plain_tensors_that_stand_in_for_a_call_change_nothing() -> None:
    model = nn.Linear(2, 1)
    table = LayerTable(model, None)
    seen: list[bool] = []

    def look(*_: object) -> None:
        seen.extend([table.refresh(model), table.parameters[0].is_hidden])

    model.register_forward_hook(look)
    stand_ins = {name: one.detach() * 2 for name, one in model.named_parameters()}
    torch.func.functional_call(model, stand_ins, torch.ones(1, 2))
    assert seen == [False, True]
    assert not table.parameters[0].is_hidden
    assert table.tensors() == list(model.parameters())


@pytest.mark.slow
def test_neither_a_model_nor_its_parameters_live_longer_for_it() -> None:
    model = nn.Linear(2, 1)
    table = LayerTable(model, None)
    table.tensors()
    table.release()
    alive = weakref.ref(model.weight)
    del model
    gc.collect()
    assert alive() is None
    assert table.tensors() == [None, None]


def test_parameters_are_looked_up_once_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[str] = []
    find = ParameterHandle.__call__

    def counted(self: ParameterHandle) -> nn.Parameter | None:
        looked_up.append("")
        return find(self)

    model = nn.Sequential(*[nn.Linear(1, 1) for _ in range(10)])
    table = LayerTable(model, None)
    monkeypatch.setattr(ParameterHandle, "__call__", counted)
    for _ in range(5):
        table.tensors()
    assert len(looked_up) == 20
    table.release()
    table.tensors()
    assert len(looked_up) == 40


def test_a_layer_with_a_parameter_that_cannot_be_read_is_left_out_with_a_reason() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[0].bias = nn.Parameter(torch.empty(2, device="meta"))
    table = LayerTable(model, None)
    assert names(table) == ["0", "1"]
    assert [one is None for one in table.tensors()] == [True, True, False, False]
    assert owned(table) == {"0": set(), "1": {2, 3}}
    assert "bias" in table.unread["0"]
    assert "meta" in table.unread["0"]


@pytest.mark.parametrize("select", ["0", ["0", "nothing"], lambda name, _: name == "0"])
def test_layers_can_be_selected(select: LayerFilter) -> None:
    assert names(LayerTable(nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1)), select)) == ["0"]


@pytest.mark.parametrize(
    ("model", "select", "words"),
    [(nn.ReLU(), None, "no parameters"), (nn.Linear(1, 1), "body.*", "begin with")],
)
def test_a_model_without_layers_is_refused(
    model: nn.Module, select: str | None, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        LayerTable(model, select)


@pytest.mark.parametrize("is_frozen", [False, True], ids=["trained", "frozen"])
def test_the_first_step_of_a_chain_costs_as_much_per_layer_however_long_it_is(
    monkeypatch: pytest.MonkeyPatch, *, is_frozen: bool
) -> None:
    made: list[str] = []

    def counted(layer: Layer, **changes: Any) -> Layer:
        made.append(layer.name)
        return replace(layer, **changes)

    monkeypatch.setattr("gradwidget.capture.model.layers.replace", counted)
    per_layer = []
    for length in (20, 200):
        made.clear()
        parts = [part for _ in range(length) for part in (nn.Linear(2, 2), nn.Tanh())]
        model = nn.Sequential(*parts, nn.Linear(2, 1))
        if is_frozen:
            for part in parts:
                part.requires_grad_(requires_grad=False)
        capture = Capture(model, emit=lambda _: None, budget=None)
        model(torch.ones(3, 2)).sum().backward()
        torch.optim.SGD(model.parameters(), 0.1).step()
        capture.close()
        assert capture.problems == []
        assert [layer.activation for layer in capture.layers] == ["tanh"] * length + [None]
        per_layer.append(len(made) / length)
    assert per_layer[1] <= per_layer[0] <= 4


class FullyShardedDataParallel(nn.Module):
    """As torch's: what it wraps has its parameters in a flat tensor."""

    def __init__(self, module: nn.Module, strategy: str) -> None:
        super().__init__()
        self.inner = module
        self.sharding_strategy = SimpleNamespace(name=strategy)


@pytest.mark.parametrize(("strategy", "is_read"), [("FULL_SHARD", False), ("NO_SHARD", True)])
def test_parameters_in_parts_of_a_flat_tensor_are_refused(
    strategy: str,
    is_read: bool,  # noqa: FBT001  # as pytest passes it
) -> None:
    model = nn.Sequential(nn.Linear(2, 2), FullyShardedDataParallel(nn.Linear(2, 2), strategy))
    table = LayerTable(model, None)
    assert ("fully_shard" in table.unread.get("1.inner", "")) is not is_read
    assert (table.tensors()[2] is not None) is is_read


def test_parameters_looked_up_behind_stand_ins_are_looked_up_again() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    table = LayerTable(model, None)
    seen: list[list[nn.Parameter | None]] = []
    model[0].register_forward_hook(lambda *_: seen.append(table.tensors()))
    stand_ins = {name: one.detach().clone() for name, one in model.named_parameters()}
    torch.func.functional_call(model, stand_ins, torch.ones(1, 2))
    assert seen == [[None, None]]
    assert [id(one) for one in table.tensors()] == [id(one) for one in model.parameters()]
