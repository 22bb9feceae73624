"""Operations that overwrite what a layer has returned, and users' own hooks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tests.awkward.loop import Loop, Optimizing, awkward
from tests.awkward.loops.structure import mlp
from tests.awkward.supervised import Supervised, noise


@awkward()
def an_inplace_relu(optimizing: Optimizing) -> Loop:
    """ReLU(inplace=True) overwrites the layer's output; full backward hooks do not survive it."""
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(inplace=True), nn.Linear(8, 3))
    return Supervised(model, optimizing, noise(16, 4), follows={"0": "relu"})


class InPlace(nn.Module):
    """Adds, scales and clamps in place, and writes into views."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 6)
        self.second = nn.Linear(6, 6)
        self.third = nn.Linear(6, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        first = self.first(inputs)
        first.sigmoid_()
        hidden = self.second(first)
        hidden += first
        hidden[:, :2].mul_(0.5)
        out: Tensor = self.third(hidden)
        out.add_(1.0)
        return out


@awkward(unseen=("act_rms", "act_zero", "act_dead"))
def residuals_added_in_place(optimizing: Optimizing) -> Loop:
    """A residual is added into an output, and a view of it is scaled: the output is gone."""
    return Supervised(InPlace(), optimizing, noise(8, 4), follows={"first": "sigmoid"})


class Doubling(torch.autograd.Function):
    """Doubles going forward, triples going back."""

    @staticmethod
    def forward(_context: Any, inputs: Tensor) -> Tensor:
        return inputs * 2

    @staticmethod
    def backward(_context: Any, *gradients: Any) -> Any:
        return gradients[0] * 3


class Custom(nn.Module):
    """Passes its hidden layer through a custom function."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 6)
        self.second = nn.Linear(6, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        doubled: Tensor = Doubling.apply(self.first(inputs))  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return torch.as_tensor(self.second(doubled))


@awkward()
def a_custom_autograd_function(optimizing: Optimizing) -> Loop:
    """The backward is the user's own, and is not the derivative of the forward."""
    return Supervised(Custom(), optimizing, noise(8, 4))


@awkward()
def hooks_of_the_user(optimizing: Optimizing) -> Loop:
    """The user's own hooks scale a gradient on its way and watch a layer."""
    model = mlp()
    model.get_parameter("0.weight").register_hook(lambda gradient: gradient * 0.5)
    model[2].register_forward_hook(lambda _module, _inputs, _output: None)
    return Supervised(model, optimizing, noise(8, 4), follows={"0": "relu", "2": "relu"})


class Detached(nn.Module):
    """Cuts the graph between its halves."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 6)
        self.second = nn.Linear(6, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.as_tensor(self.second(torch.relu(self.first(inputs)).detach()))


@awkward(unseen=("act",))
def a_graph_cut_in_the_middle(optimizing: Optimizing) -> Loop:
    """A detach leaves the first layer without gradients, and hides its activation function."""
    return Supervised(Detached(), optimizing, noise(8, 4), follows={"first": "relu"})
