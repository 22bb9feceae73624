"""What torch.compile makes is compiled as often, and broken as often, as if nobody watched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.utils import counters
from torch.nn.modules.module import _global_forward_hooks, _global_forward_pre_hooks
from torch.optim import SGD

pytestmark = [
    # what torch itself does while it compiles
    pytest.mark.filterwarnings(
        "ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning"
    ),
    pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated"),
]

Watch = Callable[..., Any]
Run = Callable[[Tensor], Tensor]


class Network(nn.Module):
    """A model of the user's own: torch compiles no calls of its containers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.last(torch.relu(self.first(x))))


class Whole(nn.Module):
    """A model of which one part is compiled."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.stem, self.part = nn.Linear(4, 4), part

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.part(torch.tanh(self.stem(x))))


def compiled(what: Any, backend: str) -> Any:
    return torch.compile(what, backend=backend)


def watched_compiled(attach: Callable[[nn.Module], object], backend: str) -> Run:
    model = compiled(Network(), backend)
    attach(model)
    return cast("Run", model)


def compiled_while_watched(attach: Callable[[nn.Module], object], backend: str) -> Run:
    model = Network()
    attach(model)
    return cast("Run", compiled(model, backend))


def compiled_in_place(attach: Callable[[nn.Module], object], backend: str) -> Run:
    model = Network()
    attach(model)
    model.compile(backend=backend)
    return model


def inside_a_function(attach: Callable[[nn.Module], object], backend: str) -> Run:
    model = Network()
    attach(model)
    return cast("Run", compiled(lambda x: model(x) * 2, backend))


def in_part(attach: Callable[[nn.Module], object], backend: str) -> Run:
    model = Whole(compiled(Network(), backend))
    attach(model)
    return model


def run_before_it_was_watched(attach: Callable[[nn.Module], object], backend: str) -> Run:
    model = Network()
    run = compiled(model, backend)
    run(torch.ones(16, 4)).sum().backward()
    attach(model)
    return cast("Run", run)


WAYS = [
    watched_compiled,
    compiled_while_watched,
    compiled_in_place,
    inside_a_function,
    in_part,
    run_before_it_was_watched,
]


def compilations(
    way: Callable[..., Run], backend: str, attach: Callable[[nn.Module], object]
) -> dict[str, Any]:
    """What the compiler counts over a run."""
    torch.compiler.reset()
    counters.clear()
    torch.manual_seed(0)
    models: list[nn.Module] = []

    def noted(model: nn.Module) -> None:
        models.append(model)
        attach(model)

    run = way(noted, backend)
    optimizer = SGD(models[0].parameters(), lr=0.01)
    for _ in range(40):
        optimizer.zero_grad()
        run(torch.randn(16, 4)).square().mean().backward()
        optimizer.step()
    return {name: dict(counters[name]) for name in ("frames", "stats", "graph_break", "recompiles")}


@pytest.mark.slow
@pytest.mark.parametrize("budget", [None, 1e-9], ids=["every step", "now and then"])
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_compiled_or_broken_more_often(
    watch: Watch, way: Callable[..., Run], backend: str, budget: float | None
) -> None:
    plain = compilations(way, backend, lambda _: None)
    captures: list[Any] = []
    watched = compilations(way, backend, lambda model: captures.append(watch(model, budget=budget)))
    assert plain["frames"]
    assert watched == plain
    frame = captures[0].frames[9]
    assert captures[0].problems == []
    assert frame.is_measured("grad_norm").all()
    assert not frame.is_measured("act_rms").any()
    assert all("torch.compile" in frame.reasons[layer.name] for layer in frame.layers)


def test_a_compiled_loss_does_not_blind_us(watch: Watch) -> None:
    torch.compiler.reset()
    model = Network()
    capture = watch(model)
    loss = torch.compile(lambda out, y: (out - y).square().mean(), backend="eager")
    optimizer = SGD(model.parameters(), lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        loss(model(torch.randn(16, 4)), torch.zeros(16, 3)).backward()
        optimizer.step()
    assert capture.frames[-1].is_measured("act_rms").all()


def test_a_compiled_optimizer_does_not_blind_us(watch: Watch) -> None:
    torch.compiler.reset()
    model = Network()
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.01, momentum=0.9)
    step = torch.compile(optimizer.step, backend="eager")
    for _ in range(8):
        optimizer.zero_grad()
        model(torch.randn(16, 4)).square().mean().backward()
        step()
    # a compiled step announces nothing: that it has been made is seen by the weights, once it is
    # sure
    assert len(capture.frames) >= 3
    assert capture.frames[-1].is_measured("act_rms").all()


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("steps", [0, 3])
def test_a_watched_model_is_exported_as_an_unwatched_one(
    watch: Watch, steps: int, *, strict: bool
) -> None:
    def train(model: nn.Module, steps: int) -> None:
        optimizer = SGD(model.parameters(), lr=0.01)
        for _ in range(steps):
            optimizer.zero_grad()
            model(torch.ones(16, 4)).square().mean().backward()
            optimizer.step()

    def exported(model: nn.Module) -> str:
        return str(torch.export.export(model, (torch.ones(16, 4),), strict=strict).graph)

    model = Network()
    alone = exported(model)
    capture = watch(model)
    train(model, steps)
    assert exported(model) == alone
    train(model, 2)
    assert capture.frames[-1].is_measured("act_rms").all()
    assert capture.problems == []


def test_a_capture_that_ends_during_an_export_does_not_come_back(watch: Watch) -> None:
    class Ending(Network):
        def forward(self, x: Tensor) -> Tensor:
            capture.close()
            return super().forward(x)

    model = Ending()
    capture = watch(model)
    torch.export.export(model, (torch.ones(16, 4),), strict=False)
    assert not _global_forward_hooks
    assert not _global_forward_pre_hooks
