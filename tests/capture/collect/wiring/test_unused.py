"""Parameters that forward runs past: told apart from those that are cut off, or not trained."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gradwidget.capture.collect.wiring import unused
from tests.capture.collect.wiring.loop import Watch, wiring


class Block(nn.Module):
    """A layer with parameters of its own beside those of the layer in it."""

    def __init__(self, *, scaled: bool, cut: bool = False) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 4)
        self.scale = nn.Parameter(torch.ones(4))
        self.scaled, self.cut = scaled, cut

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.inner(x)
        y = y * self.scale if self.scaled else y
        return y.detach() + x if self.cut else y


def test_a_parameter_that_forward_never_uses_is_named(watch: Watch) -> None:
    model = nn.Sequential(Block(scaled=False), Block(scaled=True))
    assert wiring(watch, model, 2, 4).unused == ("0.scale",)


def test_one_of_the_model_itself_as_well(watch: Watch) -> None:
    assert wiring(watch, Block(scaled=False), 2, 4).unused == ("scale",)
    assert wiring(watch, Block(scaled=True), 2, 4).unused == ()


def test_what_is_cut_off_behind_its_layer_was_used(watch: Watch) -> None:
    class Cut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.last(self.first(x).detach())
            return y

    assert wiring(watch, Cut(), 2, 4).unused == ()


def test_without_a_graph_nothing_is_known(watch: Watch) -> None:
    class Still(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = Block(scaled=True), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                x = self.body(x)
            y: Tensor = self.head(x)
            return y

    assert wiring(watch, Still(), 2, 4).unused == ()


def test_frozen_parameters_are_not_meant(watch: Watch) -> None:
    model = Block(scaled=False)
    model.scale.requires_grad = False
    assert wiring(watch, model, 2, 4).unused == ()


def test_a_layer_that_uses_it_in_one_of_its_runs_uses_it(watch: Watch) -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = Block(scaled=False)

        def forward(self, x: Tensor) -> Tensor:
            x = self.block(x)
            self.block.scaled = True
            x = self.block(x)
            self.block.scaled = False
            return x

    assert wiring(watch, Twice(), 2, 4).unused == ()


def test_of_a_graph_that_is_too_large_nothing_is_said(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unused, "most_nodes", lambda: 3)
    assert wiring(watch, Block(scaled=False), 2, 4).unused == ()
