"""The loss of a step is what its backward passes began with, unscaled."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler

from gradwidget.capture.collect.loss import LossFinder
from gradwidget.capture.stats.readback import Readback

NUMBERS = st.floats(-1e6, 1e6, width=32)


def finder() -> LossFinder:
    return LossFinder(Readback())


@given(st.lists(st.lists(NUMBERS, min_size=1, max_size=3), min_size=1, max_size=4))
def test_passes_and_the_roots_of_each_are_added_up(passes: list[list[float]]) -> None:
    found = finder()
    for roots in passes:
        found.add([torch.tensor(root) for root in roots])
    assert found.value == pytest.approx(sum(map(sum, passes)), rel=1e-6, abs=1e-6)
    assert found.known()[0] == pytest.approx(sum(passes[-1]), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_a_loss_of_one_element_counts_in_every_shape(shape: tuple[int, ...]) -> None:
    found = finder()
    found.add([torch.full(shape, 2.5)])
    assert found.value == 2.5


@pytest.mark.parametrize(
    "root",
    [
        torch.ones(2),
        torch.ones((), dtype=torch.complex64),
        torch.ones((), device="meta"),
    ],
    ids=["several", "complex", "meta"],
)
def test_what_is_no_number_is_no_loss(root: Tensor) -> None:
    found = finder()
    found.add([torch.tensor(1.0), root])
    found.add([])
    assert found.value is None


@given(NUMBERS, st.sampled_from([(), (1,), (1, 1)]))
def test_a_loss_read_where_its_pass_began_is_not_read_again(
    number: float, shape: tuple[int, ...]
) -> None:
    found, root = finder(), torch.full(shape, number)
    assert found.pass_begins([root]) == pytest.approx(number)
    root.fill_(7.0)  # what a hook of the pass may do
    found.add([root])
    assert found.value == found.known()[0] == pytest.approx(number)
    found.add([root])  # by ``torch.autograd.grad``, of which no beginning was told
    assert found.known()[0] == 7.0


def test_a_pass_from_several_roots_or_none_in_memory_is_read_where_it_ends() -> None:
    found = finder()
    roots = [torch.tensor(1.0), torch.tensor(2.0)]
    assert found.pass_begins(roots) is None
    assert found.pass_begins([torch.ones((), device="meta")]) is None
    found.add(roots)
    assert found.value == 3.0


def test_a_pass_that_was_dropped_keeps_its_root_no_longer() -> None:
    found, root = finder(), torch.tensor(1.0)
    kept = weakref.ref(root)
    found.pass_begins([root])
    found.pass_dropped()
    del root
    gc.collect()
    assert kept() is None


def test_a_number_that_a_root_is_weighted_by_counts() -> None:
    """As in ``loss.backward(torch.tensor(-1.0))``, which climbs the loss."""
    found = finder()
    found.add([torch.tensor(2.5), torch.tensor([3.0])], [torch.tensor(-1.0), torch.tensor([0.5])])
    assert found.value == -1.0
    found.add([torch.tensor(2.5)], [torch.ones(()), torch.ones(())])
    assert found.value == -1.0, "nobody knows which belongs to which"


def test_a_scaled_loss_is_found_as_it_was() -> None:
    scaler = GradScaler("cpu", init_scale=1024.0)
    loss = torch.tensor(0.75, requires_grad=True) * 1
    scaled = scaler.scale(loss)
    found = finder()
    found.add_scaled([loss], [scaled], scaler)
    found.add([scaled])
    assert found.value == 0.75
    assert found.scale is not None
    assert float(found.scale()) == 1024.0
    assert found.known() == (0.75, 1024.0)


def test_a_scaler_that_is_off_scales_nothing() -> None:
    scaler = GradScaler("cpu", enabled=False)
    loss = torch.tensor(0.75)
    found = finder()
    found.add_scaled([loss], [loss], scaler)
    found.add([loss])
    assert found.value == 0.75
    assert found.scale is None


def test_losses_that_led_to_nothing_are_cleared() -> None:
    found = finder()
    found.add([torch.tensor(1.0)])
    found.clear()
    assert found.value is None
    found.add([torch.tensor(3.0)])
    assert found.value == 3.0


@pytest.mark.parametrize("budget", [None, 1e-9])
def test_a_frame_has_the_loss_that_a_pass_makes_smaller(
    watch: Callable[..., Any], budget: float | None
) -> None:
    model = nn.Linear(3, 2)
    capture = watch(model, budget=budget)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    output = model(torch.ones(4, 3))
    loss = output.square().mean()
    loss.backward(torch.tensor(-1.0), retain_graph=True)
    optimizer.step()
    assert capture.frames[0].scalars["loss"] == pytest.approx(-float(loss.detach()))
    optimizer.zero_grad()
    output.backward(torch.ones(4, 2))
    optimizer.step()
    capture.close()
    assert capture.problems == []
    assert all("loss" not in frame.scalars for frame in capture.frames[1:])
