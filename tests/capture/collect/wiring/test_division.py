"""Rows are parameters where a module's own weights are used one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parameter import Parameter

from tests.capture.collect.wiring.loop import frames

Watch = Callable[..., Any]
Made = Callable[[], nn.Module]


def weight(*shape: int) -> Parameter:
    return Parameter(torch.randn(shape) / shape[-1] ** 0.5)


class Listed(nn.Module):
    """Weights and biases in lists."""

    def __init__(self) -> None:
        super().__init__()
        self.W = nn.ParameterList([weight(5, 5) for _ in range(3)])
        self.b = nn.ParameterList([weight(5) for _ in range(3)])

    def forward(self, x: Tensor) -> Tensor:
        for one, shift in zip(self.W, self.b, strict=True):
            x = functional.linear(x, one, shift).tanh()
        return x


class Named(nn.Module):
    """All weights on the model itself, registered in another order than they are used."""

    def __init__(self) -> None:
        super().__init__()
        self.b2, self.W2 = weight(3), weight(7, 3)
        self.b1, self.W1 = weight(7), weight(5, 7)

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor((x @ self.W1 + self.b1).relu() @ self.W2 + self.b2)


class Keyed(nn.Module):
    """Weights in a dictionary, with a module between them."""

    def __init__(self) -> None:
        super().__init__()
        self.own = nn.ParameterDict({"in/kernel": weight(5, 6), "out/kernel": weight(6, 2)})
        self.middle = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.middle(x @ self.own["in/kernel"]).relu()
        return torch.as_tensor(hidden @ self.own["out/kernel"])


class Held(nn.Module):
    """A module that is never called has the weights."""

    def __init__(self) -> None:
        super().__init__()
        self.store = Named()
        self.scale = weight(3)

    def forward(self, x: Tensor) -> Tensor:
        own = self.store
        return ((x @ own.W1 + own.b1).relu() @ own.W2 + own.b2) * self.scale


class Chained(Named):
    """Three weights in a row."""

    def __init__(self) -> None:
        super().__init__()
        self.W3 = weight(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).relu() @ self.W3


class Block(nn.Module):
    """A module of one's own with a chain of weights, inside of a model."""

    def __init__(self) -> None:
        super().__init__()
        self.body = Chained()
        self.head = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.head(self.body(x)))


@pytest.mark.parametrize(
    ("make", "rows"),
    [
        (Listed, {"W.0": ["W.0", "b.0"], "W.1": ["W.1", "b.1"], "W.2": ["W.2", "b.2"]}),
        (Named, {"W1": ["b1", "W1"], "W2": ["b2", "W2"]}),
        (
            Keyed,
            {
                "own.in/kernel": ["own.in/kernel"],
                "middle": ["weight", "bias"],
                "own.out/kernel": ["own.out/kernel"],
            },
        ),
        (
            Held,
            {
                "store.W1": ["store.b1", "store.W1"],
                "store.W2": ["scale", "store.b2", "store.W2"],
            },
        ),
        (
            Block,
            {
                "body.W1": ["body.b1", "body.W1"],
                "body.W2": ["body.b2", "body.W2"],
                "body.W3": ["body.W3"],
                "head": ["weight", "bias"],
            },
        ),
    ],
)
def test_each_weight_is_a_row_with_what_is_added_to_it(
    watch: Watch, make: Made, rows: dict[str, list[str]]
) -> None:
    first, *_, last = frames(watch, make(), 4, 5)
    for frame in (first, last):
        assert [layer.name for layer in frame.layers] == list(rows)
        named = {layer.name: set(layer.shapes) for layer in frame.layers}
        assert named == {row: set(own) for row, own in rows.items()}
    assert [layer.is_module for layer in last.layers] == [
        layer.name in ("middle", "head") for layer in last.layers
    ]


class Together(nn.Module):
    """A linear layer of one's own."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias, self.gain = weight(5, 5), weight(5), weight(5)

    def forward(self, x: Tensor) -> Tensor:
        return (x @ self.weight + self.bias) * self.gain


class Following(nn.Module):
    """A hidden layer and the way back, as in a block of a transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.narrow = weight(5, 9), weight(9, 5)

    def forward(self, x: Tensor) -> Tensor:
        return (x @ self.wide).relu() @ self.narrow


class Beside(nn.Module):
    """An adapter beside a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.down, self.up = weight(5, 5), weight(5, 2), weight(2, 5)

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight + x @ self.down @ self.up


class Attending(nn.Module):
    """Four weights of an attention."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.o = (weight(5, 5) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        scores = ((x @ self.q) @ (x @ self.k).T).softmax(-1)
        return scores @ (x @ self.v) @ self.o


class Recurring(nn.Module):
    """A cell whose weights are used at every time step."""

    def __init__(self) -> None:
        super().__init__()
        self.w, self.u = weight(5, 5), weight(5, 5)

    def forward(self, x: Tensor) -> Tensor:
        state = torch.zeros_like(x)
        for _ in range(3):
            state = (x @ self.w + state @ self.u).tanh()
        return state


class Heads(nn.Module):
    """Weights in a list, beside each other."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ParameterList([weight(5, 2) for _ in range(3)])

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x @ one for one in self.heads], dim=-1)


@pytest.mark.parametrize("make", [Together, Following, Beside, Attending, Recurring, nn.LSTMCell])
def test_weights_that_belong_together_stay_one_row(watch: Watch, make: Callable[..., Any]) -> None:
    one = make(5, 5) if make is nn.LSTMCell else make()
    model = nn.Sequential(nn.Linear(5, 5), one)
    loss = (lambda out: out[0].sum()) if make is nn.LSTMCell else (lambda out: out.square().mean())
    found = frames(watch, model, 4, 5, loss=loss)[-1]
    assert [layer.name for layer in found.layers] == ["0", "1"]
    assert found.layers[1].kind == make.__name__


def test_a_list_of_weights_beside_each_other_stays_one_row(watch: Watch) -> None:
    found = frames(watch, Heads(), 4, 5)[-1]
    assert [(layer.name, layer.kind) for layer in found.layers] == [("heads", "ParameterList")]


def test_the_wiring_follows_the_weights(watch: Watch) -> None:
    found = frames(watch, Keyed(), 4, 5)[-1].wiring
    assert found is not None
    assert found.feeds == {
        "own.in/kernel": ("middle",),
        "middle": ("own.out/kernel",),
        "own.out/kernel": ("(loss)",),
    }


def test_a_parameter_that_is_replaced_keeps_its_row(watch: Watch) -> None:
    model = Named()
    capture = watch(model)
    for number in range(4):
        if number == 2:
            model.W1 = weight(5, 7)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        model(torch.randn(4, 5)).square().mean().backward()
        optimizer.step()
    assert [layer.name for layer in capture.frames[-1].layers] == ["W1", "W2"]
    assert capture.of("grad_norm", "W1") > 0
    assert capture.problems == []
