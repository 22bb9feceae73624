"""A layer that returns what its last child has given hides neither itself nor the child."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD

Watch = Callable[..., Any]
WIDTH = 6


class Block(nn.Module):
    """A weight of its own before its children, of which the last gives its output."""

    def __init__(self, *, deep: bool) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(WIDTH) * 1.5)
        self.body: nn.Module = Block(deep=False) if deep else nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.body(x * self.gain))


def network(*, deep: bool) -> nn.Sequential:
    return nn.Sequential(Block(deep=deep), nn.Tanh(), Block(deep=deep), nn.Linear(WIDTH, 2))


@pytest.mark.parametrize("deep", [False, True])
def test_both_have_the_figures_of_the_output(watch: Watch, *, deep: bool) -> None:
    model = network(deep=deep)
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.1)
    inner = ".body" * (2 if deep else 1)
    for _ in range(3):
        optimizer.zero_grad()
        x = torch.randn(8, WIDTH)
        first: Tensor = model[0](x)
        bent = torch.tanh(first)
        second: Tensor = model[2](bent)
        for one in (first, bent, second):
            one.retain_grad()
        model[3](second).square().mean().backward()
        own = {name: one.grad for name, one in model.named_parameters() if one.grad is not None}
        optimizer.step()
        for name, output, after in (("0", first, bent), ("2", second, second)):
            for layer in (name, f"{name}{inner}"):
                rms = float(after.detach().square().mean().sqrt())
                assert capture.of("act_rms", layer) == pytest.approx(rms, rel=1e-4)
                assert output.grad is not None
                norm = float(output.grad.norm())
                assert capture.of("act_grad_norm", layer) == pytest.approx(norm, rel=1e-4)
            gain = float(own[f"{name}.gain"].norm())
            assert capture.of("grad_norm", name) == pytest.approx(gain, rel=1e-4)
    names = [layer.name for layer in capture.frames[-1].layers]
    assert {"0", f"0{inner}", "2", f"2{inner}", "3"} <= set(names)
    assert capture.frames[-1].reasons == {}


@pytest.mark.parametrize("deep", [False, True])
def test_the_child_with_a_nan_of_its_own_is_named(watch: Watch, *, deep: bool) -> None:
    model = network(deep=deep)
    capture = watch(model)
    child = "2" + ".body" * (2 if deep else 1)
    model.get_parameter(f"{child}.weight").data[0, 0] = torch.nan
    model(torch.randn(8, WIDTH)).square().mean().backward()
    SGD(model.parameters(), lr=0.1).step()
    origin = capture.frames[0].origin
    assert (origin.phase, origin.layer) == ("weights", child)


@pytest.mark.parametrize("deep", [False, True])
def test_the_wiring_leads_from_the_first_to_the_child_and_on(watch: Watch, *, deep: bool) -> None:
    model = network(deep=deep)
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.1)
    for _ in range(6):
        optimizer.zero_grad()
        model(torch.randn(8, WIDTH)).square().mean().backward()
        optimizer.step()
    feeds = capture.frames[-1].wiring.feeds
    names = {layer.name for layer in capture.frames[-1].layers}

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for one in feeds.get(waiting.pop(), ()):
                if one not in seen:
                    seen.add(one)
                    waiting.append(one)
        return seen

    child = "0" + ".body" * (2 if deep else 1)
    assert {"2", "3"} <= reached(child) & names
    assert "3" in reached("2" + ".body" * (2 if deep else 1))
