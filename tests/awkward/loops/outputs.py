"""Layers and models that do not simply return a tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.awkward.loop import Loop, Optimizing, awkward
from tests.awkward.supervised import Supervised, noise


class Weighted(nn.Module):
    """A layer that owns a weight; subclasses wrap what it returns."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / inputs**0.5)

    def forward(self, inputs: Tensor) -> Any:
        return inputs @ self.weight.T


class AsDict(Weighted):
    """Returns its output under a key."""

    def forward(self, inputs: Tensor) -> Any:
        return {"hidden": super().forward(inputs)}


@dataclass
class Hidden:
    """An output with a name."""

    hidden: Tensor
    note: str = "not a tensor"


class AsDataclass(Weighted):
    """Returns its output in a dataclass."""

    def forward(self, inputs: Tensor) -> Any:
        return Hidden(super().forward(inputs))


class Pair(NamedTuple):
    """An output and a count."""

    hidden: Tensor
    samples: int


class AsTuple(Weighted):
    """Returns its output in a named tuple."""

    def forward(self, inputs: Tensor) -> Any:
        return Pair(super().forward(inputs), len(inputs))


class Structured(nn.Module):
    """A model whose layers return a dict, a dataclass and a tuple, and which wants keywords."""

    def __init__(self) -> None:
        super().__init__()
        self.first = AsDict(4, 6)
        self.second = AsDataclass(6, 6)
        self.third = AsTuple(6, 3)

    def forward(self, *, inputs: Tensor) -> dict[str, Any]:
        hidden = torch.tanh(self.first(inputs)["hidden"])
        return {"logits": [self.third(torch.relu(self.second(hidden).hidden)).hidden], "note": None}


class Keywords(Supervised):
    """Calls the model with keywords alone and takes the answer apart."""

    def predict(self, inputs: Tensor) -> Tensor:
        return torch.as_tensor(self.model(inputs=inputs)["logits"][0])


@awkward()
def outputs_in_containers(optimizing: Optimizing) -> Loop:
    """Layers return a dict, a dataclass and a named tuple; the model takes keywords."""
    return Keywords(
        Structured(), optimizing, noise(8, 4), follows={"first": "tanh", "second": "relu"}
    )


class Answer(dict[str, Tensor]):
    """A dict whose entries are attributes too, as model libraries return them."""

    @property
    def loss(self) -> Tensor:
        return self["loss"]


class Supplied(nn.Module):
    """A model that takes targets too and returns its loss."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(4, 6)
        self.head = nn.Linear(6, 3)

    def forward(self, inputs: Tensor, targets: Tensor) -> Answer:
        logits = self.head(functional.leaky_relu(self.body(inputs)))
        return Answer(loss=functional.mse_loss(logits, targets), logits=logits)


@awkward()
def a_model_that_returns_its_loss(optimizing: Optimizing) -> Loop:
    """The loss comes from inside the model, as an attribute of its output."""

    def batch() -> tuple[tuple[Tensor, Tensor], Tensor]:
        return (torch.randn(8, 4), torch.randn(8, 3)), torch.empty(0)

    class Starred(Supervised):
        def predict(self, inputs: tuple[Tensor, Tensor]) -> Tensor:
            return torch.as_tensor(self.model(*inputs).loss)

    return Starred(
        Supplied(), optimizing, batch, lambda loss, _: loss, follows={"body": "leaky_relu"}
    )
