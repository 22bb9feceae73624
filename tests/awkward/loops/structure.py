"""Modules whose place in the model is awkward."""

from __future__ import annotations

from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.awkward.loop import FIRST_ORDER, Loop, Optimizing, awkward
from tests.awkward.probe import Probe
from tests.awkward.supervised import Supervised, noise


def mlp(activation: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    """Three linear layers, 4 to 3 features."""
    return nn.Sequential(
        nn.Linear(4, 8), activation(), nn.Linear(8, 8), activation(), nn.Linear(8, 3)
    )


@awkward()
def plain(optimizing: Optimizing) -> Loop:
    """Nothing is awkward: what all others are compared with."""
    return Supervised(mlp(), optimizing, noise(16, 4), follows={"0": "relu", "2": "relu"})


@awkward()
def stuck_units(optimizing: Optimizing) -> Loop:
    """Weights so large that most tanh units sit at their ends, and most of the sigmoid's."""
    model = nn.Sequential(
        nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 8), nn.Sigmoid(), nn.Linear(8, 3)
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(10)
    return Supervised(model, optimizing, noise(16, 4), follows={"0": "tanh", "2": "sigmoid"})


@awkward()
def a_single_layer(optimizing: Optimizing) -> Loop:
    """The model is itself its only layer, and has no name."""
    return Supervised(nn.Linear(4, 3), optimizing, noise(16, 4))


class Convolutions(nn.Module):
    """Convolutions with batch norm and a skip connection."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.body = nn.Conv2d(6, 6, 3, padding=1)
        self.head = nn.Linear(6, 3)

    def forward(self, images: Tensor) -> Tensor:
        hidden = functional.relu(self.norm(self.stem(images)))
        hidden = hidden + functional.gelu(self.body(hidden))
        return torch.as_tensor(self.head(hidden.mean(dim=(2, 3))))


@awkward()
def functional_activations(optimizing: Optimizing) -> Loop:
    """Nonlinearities are functions, batch norm has buffers, a skip connection joins two paths."""
    follows = {"norm": "relu", "body": "gelu"}
    return Supervised(Convolutions(), optimizing, noise(8, 2, 6, 6, out=3), follows=follows)


class Repeated(nn.Module):
    """One block applied five times."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 6)
        self.block = nn.Linear(6, 6)
        self.last = nn.Linear(6, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = torch.tanh(self.first(inputs))
        for _ in range(5):
            hidden = torch.tanh(self.block(hidden))
        return torch.as_tensor(self.last(hidden))


@awkward()
def a_module_called_many_times(optimizing: Optimizing) -> Loop:
    """One block runs five times in a forward: its statistics cover all five."""
    return Supervised(
        Repeated(), optimizing, noise(8, 4), follows={"first": "tanh", "block": "tanh"}
    )


class Unused(nn.Module):
    """A branch that never runs, and a head that runs every other time."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(4, 6)
        self.never = nn.Linear(4, 6)
        self.heads = nn.ModuleList([nn.Linear(6, 3), nn.Linear(6, 3)])
        self.calls = 0

    def forward(self, inputs: Tensor) -> Tensor:
        self.calls += 1
        return torch.as_tensor(self.heads[self.calls % 2](torch.sigmoid(self.body(inputs))))


@awkward(optimizers=FIRST_ORDER)
def heads_used_now_and_then(optimizing: Optimizing) -> Loop:
    """One layer never runs and two take turns, so some have no gradient."""
    return Supervised(Unused(), optimizing, noise(8, 4), follows={"body": "sigmoid"})


class Attention(nn.Module):
    """A small transformer layer."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        embedded = self.embed(tokens)
        mixed, _ = self.attention(embedded, embedded, embedded, need_weights=False)
        return torch.as_tensor(self.head(self.norm(embedded + mixed).mean(dim=1)))


@awkward()
def attention_that_bypasses_its_projection(optimizing: Optimizing) -> Loop:
    """MultiheadAttention uses its out_proj's weight without calling it; returns (tensor, None)."""
    return Supervised(
        Attention(), optimizing, lambda: (torch.randint(0, 11, (4, 5)), torch.randn(4, 3))
    )


class Growing(Supervised):
    """Adds a block to the model in the middle of training, and takes one away later."""

    def step(self, probe: Probe) -> None:
        if len(self.losses) == 1:
            block = nn.Linear(8, 8)
            cast("nn.Sequential", self.model).insert(2, block)
            self.optimizer.add_param_group({"params": list(block.parameters())})
        elif len(self.losses) == 3:
            del cast("nn.Sequential", self.model)[4]
        super().step(probe)


@awkward(optimizers=FIRST_ORDER)
def modules_added_and_removed(optimizing: Optimizing) -> Loop:
    """A block joins the model after a step and another leaves after three."""
    model = nn.Sequential(
        nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 3)
    )
    return Growing(model, optimizing, noise(8, 4), follows={"0": "tanh"})


@awkward()
def dropout_and_the_random_state(optimizing: Optimizing) -> Loop:
    """Dropout draws from the global generator: one draw of ours would change the whole run."""
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))
    return Supervised(model, optimizing, noise(8, 4), follows={"0": "relu"})


class Empty(nn.Module):
    """Is falsy, owns a parameter itself and one without entries."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.5))
        self.nothing = nn.Parameter(torch.empty(0, 4))
        self.body = nn.Linear(4, 3)

    def __len__(self) -> int:
        return 0

    def forward(self, inputs: Tensor) -> Tensor:
        return self.scale * torch.as_tensor(self.body(inputs)) + self.nothing.sum()


@awkward(optimizers=FIRST_ORDER)
def a_falsy_model_with_its_own_parameters(optimizing: Optimizing) -> Loop:
    """The model is false in a condition, owns a scalar itself and a parameter without entries."""
    return Supervised(Empty(), optimizing, noise(8, 4))


class Named(nn.Module):
    """Layers whose names are markup, and parameters in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleDict({"<b>&amp;": nn.Linear(4, 6), "$(rm) {0} %s": nn.Linear(6, 3)})
        self.shifts = nn.ParameterList(
            [nn.Parameter(torch.ones(6) / 10), nn.Parameter(torch.zeros(3) + 0.2)]
        )

    def forward(self, inputs: Tensor) -> Tensor:
        first, last = self.blocks.values()
        hidden = functional.silu(first(inputs)) + self.shifts[0]
        return torch.as_tensor(last(hidden) + self.shifts[1])


@awkward()
def names_that_are_markup(optimizing: Optimizing) -> Loop:
    """Names hold markup and format signs; a ParameterList has parameters but is never called."""
    return Supervised(Named(), optimizing, noise(8, 4), follows={"blocks.<b>&amp;": "silu"})


class Loose(nn.Module):
    """Three layers without a module of their own."""

    def __init__(self) -> None:
        super().__init__()
        shapes = ((4, 6), (6, 6), (6, 3))
        self.W = nn.ParameterList([torch.randn(shape) / 2 for shape in shapes])
        self.b = nn.ParameterList([torch.zeros(shape[1]) for shape in shapes])

    def forward(self, inputs: Tensor) -> Tensor:
        for weight, bias in list(zip(self.W, self.b, strict=True))[:-1]:
            inputs = torch.sigmoid(inputs @ weight + bias)
        return torch.as_tensor(inputs @ self.W[-1] + self.b[-1])


class Listed(Supervised):
    """Its layers are no modules."""

    rows: ClassVar = {f"W.{number}": (f"W.{number}", f"b.{number}") for number in range(3)}


@awkward()
def weights_in_a_list(optimizing: Optimizing) -> Loop:
    """Layers are parameters in a list, which no module is called for."""
    return Listed(Loose(), optimizing, noise(8, 4))
