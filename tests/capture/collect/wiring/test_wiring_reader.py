"""When the wiring is read, what it says beside the graph, and that nothing is kept for it."""

from __future__ import annotations

import gc
from typing import Any
from weakref import ref

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam

from gradwidget.capture.collect.wiring import graph, wiring_reader
from gradwidget.frame import LOSS
from tests.capture.collect.wiring.loop import Watch, frames, wiring


def chain(length: int = 3) -> nn.Sequential:
    return nn.Sequential(*[nn.Linear(4, 4) for _ in range(length)])


@pytest.fixture
def walks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A number for each graph that is walked."""
    found: list[int] = []

    def counted(roots: Any) -> Any:
        found.append(len(found))
        return graph.read_graph(roots)

    monkeypatch.setattr(wiring_reader, "read_graph", counted)
    return found


@pytest.mark.slow
def test_it_is_read_in_three_steps_and_again_after_64(watch: Watch, walks: list[int]) -> None:
    model = chain()
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.01)
    at = []
    for step in range(140):
        before = len(walks)
        optimizer.zero_grad()
        model(torch.ones(1, 4)).sum().backward()
        optimizer.step()
        at += [step] * (len(walks) - before)
    assert at == [0, 1, 2, 64, 65, 66, 128, 129, 130]
    assert len({id(frame.wiring) for frame in capture.frames}) == 1


def test_it_is_read_again_when_layers_have_changed(watch: Watch) -> None:
    model = chain()
    capture = watch(model)
    for step in range(8):
        if step == 5:
            model.append(nn.Linear(4, 1))
        optimizer = SGD(model.parameters(), lr=0.01)
        optimizer.zero_grad()
        model(torch.ones(1, 4)).sum().backward()
        optimizer.step()
    assert capture.frames[4].wiring.feeds["2"] == (LOSS,)
    assert capture.frames[-1].wiring.feeds["2"] == ("3",)


def test_several_backward_passes_of_a_step_are_one(watch: Watch) -> None:
    model = chain()
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.01)
    model[1](model[0](torch.ones(1, 4))).sum().backward()
    model[2](model[0](torch.ones(1, 4))).exp().mean().backward()
    optimizer.step()
    found = capture.frames[0].wiring
    assert found.feeds == {"0": ("1", "2"), "1": (LOSS,), "2": (LOSS,)}
    assert found.loss_path == ("sum", "mean", "exp")


def test_players_that_take_turns_are_seen_together(watch: Watch) -> None:
    model = nn.ModuleDict({"maker": chain(1), "judge": chain(1)})
    capture = watch(model)
    judge, maker = SGD(model["judge"].parameters(), 0.1), Adam(model["maker"].parameters())
    for _ in range(40):
        judge.zero_grad()
        model["judge"](model["maker"](torch.randn(2, 4)).detach()).mean().backward()
        judge.step()
        maker.zero_grad()
        model["judge"](model["maker"](torch.randn(2, 4))).square().mean().backward()
        maker.step()
    expected = {"maker.0": ("judge.0",), "judge.0": (LOSS,)}
    assert all(frame.wiring.feeds == expected for frame in capture.frames[1:])
    assert capture.frames[0].wiring.feeds == {"judge.0": (LOSS,)}
    assert capture.frames[0].wiring.optimizers == ("SGD",)
    assert capture.frames[-1].wiring.optimizers == ("SGD", "Adam")
    assert capture.frames[-1].wiring.loss_path == ("mean", "pow")


def test_a_pass_of_another_model_is_none_of_its(watch: Watch) -> None:
    model, other = chain(1), chain(1)
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.01)
    for _ in range(3):
        other(torch.ones(1, 4)).exp().sum().backward()
        model(torch.ones(1, 4)).mean().backward()
        optimizer.step()
    assert capture.frames[-1].wiring.loss_path == ("mean",)


def test_gradients_that_the_loop_takes_itself_show_it_too(watch: Watch) -> None:
    model = chain()
    capture = watch(model)
    parameters = list(model.parameters())
    for _ in range(3):
        gradients = torch.autograd.grad(model(torch.ones(1, 4)).sum(), parameters)
        with torch.no_grad():
            for one, gradient in zip(parameters, gradients, strict=True):
                one.sub_(gradient)
    capture.close()
    assert capture.frames[-1].wiring.feeds == {"0": ("1",), "1": ("2",), "2": (LOSS,)}
    assert capture.frames[-1].wiring.optimizers == ()


def test_of_a_graph_that_is_too_large_there_is_none(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph, "most_nodes", lambda: 5)
    assert frames(watch, chain(), 1, 4)[-1].wiring is None


def test_nothing_of_a_step_outlives_it(watch: Watch) -> None:
    model = chain()
    watch(model)
    optimizer = SGD(model.parameters(), lr=0.01)
    foreign = [nn.Linear(4, 4)]
    hook = model.register_forward_hook(lambda _module, _args, out: foreign[0](out))
    seen: list[ref[Any]] = []
    for _ in range(2):
        optimizer.zero_grad()
        output = model(torch.ones(1, 4))
        seen.append(ref(output))
        output.sum().backward()
        optimizer.step()
        del output
    seen.append(ref(foreign.pop()))
    hook.remove()
    gc.collect()
    assert [one() for one in seen] == [None] * 3


def test_what_no_backward_pass_follows_is_released_at_once(watch: Watch) -> None:
    kept: list[ref[Tensor]] = []

    class Marked(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.kept = torch.zeros(3)
            kept.append(ref(ctx.kept))
            return x * 2

        @staticmethod
        def backward(_ctx: Any, *gradients: Tensor) -> Tensor:
            return gradients[0]

    model = chain()
    watch(model)
    data = torch.ones(1, 4, requires_grad=True)
    # In the first pass the activation functions of all layers are found: nothing is held after.
    model(data).sum().backward()
    model(Marked.apply(data))  # type: ignore[no-untyped-call]  # torch's own
    gc.collect()
    assert kept[0]() is None


@pytest.mark.parametrize(
    ("parameters", "autocast", "expected"),
    [
        (torch.float32, None, "float32"),
        (torch.float64, None, "float64"),
        (torch.bfloat16, None, "bfloat16"),
        (torch.float32, torch.bfloat16, "bfloat16"),
        (torch.float32, torch.float16, "float16"),
        (torch.complex64, None, "float32"),
    ],
)
def test_the_precision_is_that_of_the_narrowest_format(
    watch: Watch, parameters: torch.dtype, autocast: torch.dtype | None, expected: str
) -> None:
    model = nn.Sequential(*[nn.Linear(4, 4, dtype=parameters) for _ in range(3)])
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.01)
    for _ in range(2):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=autocast, enabled=autocast is not None):
            output = model(torch.ones(2, 4, dtype=parameters))
        output.abs().float().mean().backward()
        optimizer.step()
    assert capture.frames[-1].wiring.precision == expected
    assert capture.frames[-1].wiring.feeds == {"0": ("1",), "1": ("2",), "2": (LOSS,)}


def test_frozen_half_precision_does_not_count(watch: Watch) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model.register_module("spare", nn.Linear(4, 4).half().requires_grad_(requires_grad=False))
    model.forward = lambda x: model[1](model[0](x))  # type: ignore[method-assign]  # the spare one is left out
    assert wiring(watch, model, 2, 4).precision == "float32"
