"""Where a NaN or an infinity began: each phase is provoked and must be named, with the layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD

from gradwidget.frame import NonfiniteOrigin
from tests.capture.older_torch import reads_saved_tensors

Watch = Callable[..., Any]


class Spoiled(nn.Module):
    """A chain in which one place can be made to fail."""

    def __init__(self, place: str | None) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 1)
        self.place = place

    def forward(self, x: Tensor) -> Any:
        x = torch.tanh(self.first(x))
        if self.place == "forward":
            x = x / 0.0
        x = self.second(x)
        if self.place == "backward":
            x = x + (x * 0).sqrt()  # finite here, but the slope of a root at 0 is infinite
        return self.last(x)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (None, None),
        ("input", NonfiniteOrigin("input")),
        ("weights", NonfiniteOrigin("weights", "second")),
        ("forward", NonfiniteOrigin("forward", "second", "div")),
        ("loss", NonfiniteOrigin("loss")),
        ("backward", NonfiniteOrigin("backward", "second")),
    ],
)
def test_the_origin_is_named(
    watch: Watch, place: str | None, expected: NonfiniteOrigin | None
) -> None:
    model = Spoiled(place)
    capture = watch(model)
    x = torch.randn(8, 4)
    if place == "input":
        x[3, 2] = float("nan")
    if place == "weights":
        model.second.weight.data[0, 0] = float("inf")
    loss = model(x).square().mean()
    (loss * float("inf") if place == "loss" else loss).backward()
    SGD(model.parameters(), lr=0.1).step()
    assert capture.problems == []
    assert capture.frames[0].origin == expected


class Trained(nn.Module):
    """As a LightningModule or a policy has it: nobody calls the module that is watched."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Spoiled(None)

    def training_step(self, x: Tensor, factor: float) -> Tensor:
        loss: Tensor = self.net(x).square().mean() * factor
        return loss


@reads_saved_tensors
@pytest.mark.parametrize("budget", [None, 1e-9])
@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("input", NonfiniteOrigin("input")),
        ("weights", NonfiniteOrigin("weights", "net.second")),
        ("forward", NonfiniteOrigin("forward", "net.second", "div")),
        ("loss", NonfiniteOrigin("loss")),
    ],
)
def test_the_origin_is_named_where_the_watched_module_is_not_called_itself(
    watch: Watch, place: str, expected: NonfiniteOrigin, budget: float | None
) -> None:
    model = Trained()
    capture = watch(model, budget=budget)
    optimizer = SGD(model.parameters(), lr=0.01)
    for step in range(30):
        x, factor = torch.randn(8, 4), 1.0
        if step == 29:
            model.net.place = place
            factor = float("inf") if place == "loss" else 1.0
            if place == "input":
                x[3, 2] = float("nan")
            if place == "weights":
                model.net.second.weight.data[0, 0] = float("inf")
        optimizer.zero_grad()
        model.training_step(x, factor).backward()
        optimizer.step()
    capture.close()
    assert capture.frames[-1].step == 29
    assert capture.frames[-1].origin == expected
    assert all(frame.origin is None for frame in capture.frames[:-1])


def test_a_backward_pass_that_fails_is_seen_in_its_own_step_though_none_was_to_be_sampled(
    watch: Watch,
) -> None:
    model = Spoiled(None)
    capture = watch(model, budget=1e-9)
    optimizer = SGD(model.parameters(), lr=1e-3)
    x = torch.randn(8, 4)
    for step in range(40):
        model.place = "backward" if step == 30 else None
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
    sampled = {frame.step: frame for frame in capture.frames}
    assert 29 not in sampled
    assert sampled[30].origin == NonfiniteOrigin("backward", "second")
    assert not sampled[30].metrics["weight_nonfinite"].any()


def test_counts_of_nonfinite_values_are_exact(watch: Watch) -> None:
    model: Any = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 1, bias=False))
    capture = watch(model)
    model(torch.randn(8, 4)).mean().backward()
    model[0].weight.grad[:2, 1] = float("nan")
    model[1].weight.grad[0, 3] = float("-inf")
    model[1].weight.data[0, 0] = float("inf")
    SGD(model.parameters(), lr=0.1).step()
    assert capture.of("grad_nonfinite", "0") == 2
    assert capture.of("grad_nonfinite", "1") == 1
    assert capture.of("weight_nonfinite", "1") == 1
    assert capture.of("weight_nonfinite", "0") == 0


def test_clipping_does_not_move_the_origin_to_the_last_layer(watch: Watch) -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shift = nn.Parameter(torch.zeros(4))
            self.inside = Spoiled("backward")

        def forward(self, x: Tensor) -> Any:
            return self.inside(x + self.shift)

    model = Scaled()
    capture = watch(model)
    model(torch.randn(8, 4)).square().mean().backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    SGD(model.parameters(), lr=0.1).step()
    assert all(torch.isnan(one.grad).all() for one in model.parameters() if one.grad is not None)
    assert capture.frames[-1].origin == NonfiniteOrigin("backward", "inside.second")
