"""Which layer feeds which, on networks whose wiring is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import linear
from torch.utils.checkpoint import checkpoint

from gradwidget.frame import LOSS
from tests.capture.collect.wiring.loop import Watch, wiring

Feeds = dict[str, tuple[str, ...]]


class Net(nn.Module):
    """Some 4×4 layers, called as a function says."""

    def __init__(self, forward: Callable[[Any, Tensor], Tensor], **layers: nn.Module) -> None:
        super().__init__()
        self.run = forward
        for name in ("a", "b", "c", "d"):
            self.add_module(name, layers.get(name, nn.Linear(4, 4)))

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self, x)


def chain(net: Any, x: Tensor) -> Any:
    return net.d(net.c(net.b(net.a(x).relu_()).tanh_()).view(-1, 2, 2).flatten(1))


def residual(net: Any, x: Tensor) -> Any:
    x = net.a(x)
    return net.d(x + net.c(torch.relu(net.b(x))))


def two_towers(net: Any, x: Tensor) -> Any:
    return net.b(net.a(x)) * net.d(net.c(x))


def skip(net: Any, x: Tensor) -> Any:
    down = net.a(x)
    up = net.c(net.b(down[:, :2].repeat(1, 2)))
    return net.d(torch.cat([down, up], 1)[:, 2:6])


def shared(net: Any, x: Tensor) -> Any:
    return net.d(net.b(net.c(net.b(net.a(x)))))


def unrolled(net: Any, x: Tensor) -> Any:
    for _ in range(5):
        x = torch.tanh(net.b(x) + net.a(x))
    return net.d(net.c(x))


def cut(net: Any, x: Tensor) -> Any:
    return net.d(net.c(net.b(net.a(x)).detach()))


def without_gradients(net: Any, x: Tensor) -> Any:
    with torch.no_grad():
        x = net.b(net.a(x))
    return net.d(net.c(x))


def recomputed(net: Any, x: Tensor) -> Any:
    inner = lambda y: net.c(torch.relu(net.b(y)))  # noqa: E731  # one line
    return net.d(checkpoint(inner, net.a(x), use_reentrant=False))


def hidden(net: Any, x: Tensor) -> Any:
    inner = lambda y: net.c(torch.relu(net.b(y)))  # noqa: E731  # one line
    return net.d(checkpoint(inner, net.a(x), use_reentrant=True))


def by_hand(net: Any, x: Tensor) -> Any:
    x = linear(net.a(x), net.b.weight, net.b.bias)
    return net.d(x @ net.c.weight.t() + net.c.bias)


def auxiliary(net: Any, x: Tensor) -> Any:
    x = net.b(net.a(x))
    return torch.cat([x, net.d(net.c(x))])


IN_A_ROW: Feeds = {"a": ("b",), "b": ("c",), "c": ("d",), "d": (LOSS,)}


@pytest.mark.parametrize(
    ("forward", "expected"),
    [
        (chain, IN_A_ROW),
        (residual, IN_A_ROW | {"a": ("b", "d")}),
        (two_towers, {"a": ("b",), "b": (LOSS,), "c": ("d",), "d": (LOSS,)}),
        (skip, IN_A_ROW | {"a": ("b", "d")}),
        (shared, {"a": ("b",), "b": ("c", "d"), "c": ("b",), "d": (LOSS,)}),
        (unrolled, {"a": ("b", "c"), "b": ("a", "c"), "c": ("d",), "d": (LOSS,)}),
        (cut, {"c": ("d",), "d": (LOSS,)}),
        (without_gradients, {"c": ("d",), "d": (LOSS,)}),
        (recomputed, IN_A_ROW),
        (hidden, {"a": ("d",), "d": (LOSS,)}),
        (by_hand, IN_A_ROW),
        (auxiliary, IN_A_ROW | {"b": ("c", LOSS)}),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_layers_feed_those_that_their_output_flows_into(
    watch: Watch, forward: Callable[[Any, Tensor], Tensor], expected: Feeds
) -> None:
    found = wiring(watch, Net(forward), 8, 4).feeds
    assert {name: set(into) for name, into in found.items()} == {
        name: set(into) for name, into in expected.items()
    }


def test_they_come_in_the_order_of_the_layers_and_the_loss_last(watch: Watch) -> None:
    model = Net(auxiliary)
    found = wiring(watch, model, 8, 4).feeds
    assert list(found.items()) == list((IN_A_ROW | {"b": ("c", LOSS)}).items())


def test_along_a_residual_stream_each_branch_feeds_all_later_ones(watch: Watch) -> None:
    class Stream(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.ModuleList(nn.Linear(4, 4) for _ in range(5))

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.body:
                x = x + layer(x)
            return x

    found = wiring(watch, Stream(), 2, 4).feeds
    names = [f"body.{number}" for number in range(5)]
    assert found == {name: (*names[number + 1 :], LOSS) for number, name in enumerate(names)}


class Adapted(nn.Module):
    """A frozen layer and an adapter whose factors are loose parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.base = nn.Linear(4, 4).requires_grad_(requires_grad=False)
        self.down, self.up = nn.Parameter(torch.randn(2, 4)), nn.Parameter(torch.zeros(4, 2))

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.base(x) + x @ self.down.t() @ self.up.t())


def test_an_adapter_with_loose_parameters_is_a_layer_around_the_one_it_adapts(
    watch: Watch,
) -> None:
    model = nn.Sequential(nn.Linear(4, 4), Adapted(), nn.Linear(4, 1))
    found = wiring(watch, model, 8, 4).feeds
    assert found == {"0": ("1", "1.base"), "1.base": ("1",), "1": ("2",), "2": (LOSS,)}


def test_loose_parameters_are_where_they_are_used(watch: Watch) -> None:
    class Loose(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.factors = nn.ParameterList([torch.randn(4, 2), torch.randn(2, 4)])
            self.first, self.last = nn.Linear(4, 4), nn.Linear(4, 1)

        def forward(self, x: Tensor) -> Tensor:
            x = torch.relu(self.first(x)) @ self.factors[0]
            return torch.as_tensor(self.last(torch.tanh(x) @ self.factors[1]))

    found = wiring(watch, Loose(), 8, 4).feeds
    assert found == {
        "first": ("factors.0",),
        "factors.0": ("factors.1",),
        "factors.1": ("last",),
        "last": (LOSS,),
    }


@pytest.mark.parametrize("read", [0, 1])
def test_any_part_of_what_a_layer_returns_may_lead_on(watch: Watch, read: int) -> None:
    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.lstm, self.head = nn.Linear(4, 3), nn.LSTM(3, 5), nn.Linear(5, 1)

        def forward(self, x: Tensor) -> Tensor:
            whole, (last, _) = self.lstm(self.embed(x))
            return torch.as_tensor(self.head((whole, last)[read]))

    found = wiring(watch, Reader(), 6, 2, 4).feeds
    assert found == {"embed": ("lstm",), "lstm": ("head",), "head": (LOSS,)}


def test_a_part_of_attention_that_is_never_called_is_found(watch: Watch) -> None:
    model = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, norm_first=True)
    found = wiring(watch, model, 3, 2, 8).feeds
    assert found["norm1"] == ("self_attn.out_proj",)
    assert found["self_attn.out_proj"] == ("self_attn",)
    assert set(found["self_attn"]) == {"norm2", LOSS}
    assert found["linear2"] == (LOSS,)


def test_layers_of_a_functional_call_are_found(watch: Watch) -> None:
    model = Net(chain)
    capture = watch(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        output = functional_call(model, dict(model.named_parameters()), torch.randn(2, 4))
        output.square().mean().backward()
        optimizer.step()
    assert capture.frames[-1].wiring.feeds == IN_A_ROW


def test_a_layer_that_returns_the_loss_feeds_it(watch: Watch) -> None:
    class WithLoss(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.scale = nn.Linear(4, 4), nn.Parameter(torch.ones(4))

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            y = self.body(x)
            return y, (self.scale * y).square().mean()

    found = wiring(watch, WithLoss(), 2, 4, loss=lambda output: output[1])
    assert found.feeds == {"body": ("(root)",), "(root)": (LOSS,)}
    assert found.loss_path == ("mean", "pow", "mul")
