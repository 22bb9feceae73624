"""Where nobody looked into a step, one more forward finds where a bad value arose, and changes
nothing."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable
from typing import Any
from weakref import ref

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module
from torch.optim import SGD

from gradwidget.frame import NonfiniteOrigin

Watch = Callable[..., Any]
SPOILED = 30
"""The step that goes wrong: none of those that are sampled."""


class Chain(nn.Module):
    """A model with buffers, an attribute that each call changes, and a place that can be made to
    fail."""

    def __init__(self, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 1)
        self.dropout = nn.Dropout(dropout)
        self.place: str | None = None
        self.calls = 0
        self.seen: list[int] = []

    def forward(self, x: Tensor, *, scale: float = 1.0) -> Tensor:
        self.calls += 1
        self.seen.append(self.calls)
        x = self.norm(self.dropout(torch.tanh(self.first(x))))
        if self.place == "forward":
            x = x / 0.0
        return torch.as_tensor(self.last(x * scale))


@pytest.fixture(autouse=True)
def a_step_pays_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps as short as these would not."""
    monkeypatch.setattr("gradwidget.capture.step_cycle.NOTING", 0.0)


def train(model: Chain, place: str | None, *, keep: bool = True, calls: int = 1) -> list[Tensor]:
    """A loop whose step number ``SPOILED`` goes wrong, and the last one."""
    optimizer = SGD(model.parameters(), lr=0.01)
    for step in range(SPOILED + 1):
        bad = step == SPOILED
        model.place = place if bad else None
        x = torch.randn(8, 4)
        if bad and place == "input":
            x[3, 2] = torch.nan
        if bad and place == "weights":
            model.last.weight.data[0, 0] = torch.inf
        optimizer.zero_grad()
        out = model(x, scale=2.0) if keep else model(x.clone(), scale=2.0)
        for _ in range(calls - 1):
            out = out + model(x, scale=2.0)
        loss = out.square().mean()
        (loss * torch.inf if bad and place == "loss" else loss).backward()
        optimizer.step()
    return [*model.parameters(), *model.buffers(), torch.get_rng_state(), torch.tensor(model.seen)]


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("input", NonfiniteOrigin("input")),
        ("weights", NonfiniteOrigin("weights", "last")),
        ("forward", NonfiniteOrigin("forward", "last")),
        ("loss", NonfiniteOrigin("loss")),
    ],
)
def test_the_origin_is_named_though_the_step_was_not_sampled(
    watch: Watch, place: str, expected: NonfiniteOrigin
) -> None:
    capture = watch(model := Chain(), budget=1e-9)
    train(model, place)
    assert capture.problems == []
    assert capture.frames[-1].step == SPOILED
    assert SPOILED - 1 not in [frame.step for frame in capture.frames]
    assert not capture.frames[-1].is_measured("act_rms").any()
    assert capture.frames[-1].origin == expected


@pytest.mark.parametrize("place", ["input", "forward", "loss"])
def test_another_forward_leaves_no_trace(watch: Watch, place: str) -> None:
    def run(*, watched: bool) -> list[Tensor]:
        torch.manual_seed(1)
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002  # what users draw from
        model = Chain(dropout=0.3)
        if watched:
            watch(model, budget=1e-9)
        state = train(model, place)
        return [*state, torch.tensor(random.random()), torch.tensor(np.random.rand())]  # noqa: NPY002, S311  # see above

    plain, seen = run(watched=False), run(watched=True)
    assert all(
        torch.equal(one.nan_to_num(), other.nan_to_num())
        for one, other in zip(plain, seen, strict=True)
    )


@pytest.mark.parametrize(
    ("options", "loop"),
    [({"dropout": 0.3}, {}), ({}, {"calls": 2}), ({}, {"keep": False})],
    ids=["random numbers", "two calls", "inputs that are gone"],
)
def test_what_another_forward_cannot_tell_stays_unknown(
    watch: Watch, options: dict[str, Any], loop: dict[str, Any]
) -> None:
    capture = watch(model := Chain(**options), budget=1e-9)
    train(model, "loss", **loop)
    assert capture.problems == []
    assert capture.frames[-1].origin == NonfiniteOrigin("unknown")


def test_inputs_live_no_longer_than_without_it(watch: Watch) -> None:
    model = Chain()
    watch(model, budget=1e-9)
    train(model, None)
    x = torch.randn(8, 4)
    held = ref(x)
    model(x)
    del x
    gc.collect()
    assert held() is None


def test_a_step_that_is_not_sampled_has_one_hook_until_the_model_is_called(watch: Watch) -> None:
    model = Chain()
    watch(model, budget=1e-9)
    train(model, None)
    assert len(torch_module._global_forward_pre_hooks) == 1
    assert len(torch_module._global_forward_hooks) == 0
    model(torch.randn(8, 4))
    assert len(torch_module._global_forward_pre_hooks) == 0
