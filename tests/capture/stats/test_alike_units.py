"""How far the units of a layer are apart by their weights, where they began as copies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Adam

from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.stats.alike_units import COPY_LIMIT, AlikeUnits
from gradwidget.capture.stats.readback import Readback

Watch = Callable[..., Any]


def constant(*layers: nn.Module, bias: float | None = 0.0) -> nn.Sequential:
    """The layers, all weights of which are one number."""
    for layer in layers:
        for name, one in layer.named_parameters():
            if one.dim() > 1:
                nn.init.constant_(one, 0.05)
            elif name == "bias" and bias is not None:
                nn.init.constant_(one, bias)
    return nn.Sequential(*layers)


def train(model: nn.Module, steps: int, shape: tuple[int, ...] = (16, 6)) -> list[dict[str, float]]:
    """Trains a model; gives how far the units of each layer are apart after each step."""
    optimizer, truth = Adam(model.parameters(), lr=1e-2), []
    for _ in range(steps):
        out = model(torch.randn(shape)).flatten(1)
        optimizer.zero_grad()
        functional.cross_entropy(out, torch.randint(3, (len(out),))).backward()
        optimizer.step()
        modules = {name: one for name, one in model.named_children() if hasattr(one, "weight")}
        truth.append({name: apart(units_of(one)) for name, one in modules.items()})
    return truth


def units_of(layer: nn.Module) -> Tensor:
    weight = layer.get_parameter("weight")
    is_turned = isinstance(layer, nn.ConvTranspose1d | nn.ConvTranspose2d)
    return weight.transpose(0, 1) if is_turned else weight


def apart(rows: Tensor) -> float:
    """Brute force: the largest difference of a unit from the first over the largest weight."""
    units: list[list[float]] = [row.flatten().tolist() for row in rows.detach()]
    largest = max(abs(one) for row in units for one in row)
    return max(abs(a - b) for row in units for a, b in zip(units[0], row, strict=True)) / largest


def test_units_that_began_as_copies_are_measured_at_every_sample_as_brute_force_does(
    watch: Watch,
) -> None:
    model = constant(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 3))
    capture = watch(model)
    truth = train(model, 30)
    assert "unit_difference" not in capture.frames[0].metrics  # two units were compared
    for number in range(1, 30):
        for name in ("0", "2"):
            assert capture.of("unit_difference", name, number) == pytest.approx(truth[number][name])
            assert truth[number][name] < COPY_LIMIT
    assert capture.problems == []


def test_of_random_weights_nothing_is_measured(watch: Watch) -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    capture = watch(model)
    train(model, 5)
    assert all("unit_difference" not in frame.metrics for frame in capture.frames)


def test_units_that_come_apart_are_read_no_more(watch: Watch) -> None:
    model = constant(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3), bias=None)  # biases are random
    capture = watch(model)
    truth = train(model, 30)
    assert "unit_difference" not in capture.frames[-1].metrics
    assert truth[-1]["0"] > COPY_LIMIT


@pytest.mark.parametrize(
    "layers",
    [
        (nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 6)),
        (nn.ConvTranspose2d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 6)),
    ],
    ids=["conv", "transposed"],
)
def test_the_units_of_a_convolution_are_its_output_channels(
    watch: Watch, layers: tuple[nn.Module, ...]
) -> None:
    model = constant(*layers)
    capture = watch(model)
    truth = train(model, 10, (8, 2, 6, 6))
    assert capture.of("unit_difference", "0") == pytest.approx(truth[-1]["0"])
    assert capture.problems == []


def test_tables_scales_single_units_zeros_and_frozen_layers_are_left_out() -> None:
    frozen = nn.Linear(4, 4).requires_grad_(requires_grad=False)
    zero = nn.Linear(4, 4)
    nn.init.zeros_(zero.weight)
    model = constant(nn.Embedding(5, 4), nn.LayerNorm(4), nn.Linear(4, 1), frozen)
    model.append(zero)
    assert _looks(model, 3) == [{}, {}, {}]


def test_a_matrix_with_no_entry_and_one_on_no_device_break_nothing() -> None:
    empty = nn.Linear(4, 4)
    empty.weight = nn.Parameter(torch.empty(4, 0))
    model = nn.Sequential(nn.Linear(4, 4, device="meta"), empty, nn.Linear(4, 4))
    assert _looks(model, 2) == [{}, {}]


@given(
    st.integers(2, 40),
    st.integers(1, 40),
    st.sampled_from([nn.Conv1d, nn.ConvTranspose1d]),
    st.floats(0, 0.009),
    st.integers(0, 10**6),
)
def test_what_is_measured_is_what_brute_force_finds(
    units: int, entries: int, kind: type[nn.Conv1d], difference: float, place: int
) -> None:
    layer = kind(2, units, entries)
    weight = units_of(layer)
    with torch.no_grad():
        weight.copy_(torch.randn(1, *weight.shape[1:]).expand_as(weight))
        weight[place % units, 0, place % entries] += difference * weight.abs().amax()
    first, second = _looks(nn.Sequential(layer), 2)
    assert first == {}
    assert second["0"] == pytest.approx(apart(weight), abs=1e-6)


def _looks(model: nn.Module, count: int) -> list[dict[str, float]]:
    table, units = LayerTable(model, None), AlikeUnits()
    found = []
    for _ in range(count):
        readback = Readback()
        read = units.read(table, readback)
        readback.send()
        column = units.column(table.layers, read)
        values = zip(table.layers, column.values.tolist(), column.measured, strict=True)
        found.append({layer.name: value for layer, value, is_known in values if is_known})
    return found
