"""Of how many outputs the gradients are read where the stack of the thread is small."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD

from gradwidget.capture.collect import output_gradients
from gradwidget.capture.unmeasured import TOO_LARGE

Watch = Callable[..., Any]


@pytest.fixture(autouse=True)
def _room_for_two_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_gradients, "most_nodes", lambda: 2)


def train(model: nn.Module, *, passes: int = 1, clear: bool = False) -> dict[str, float]:
    """One step, in which gradients may be cleared between forward and backward.

    Returns:
        The norm of the gradient of the output of each child of the model, in the last pass.
    """
    optimizer = SGD(model.parameters(), lr=0.1)
    outputs: dict[str, Tensor] = {}
    for _ in range(passes):
        x = torch.randn(16, 6)
        for name, layer in model.named_children():
            outputs[name] = x = layer(x)
            x.retain_grad()
        if clear:
            optimizer.zero_grad()
        x.square().mean().backward()
    optimizer.step()
    return {name: float(one.grad.norm()) for name, one in outputs.items() if one.grad is not None}


@pytest.mark.parametrize("clear", [False, True])
def test_what_there_is_no_room_for_has_a_reason_and_the_rest_is_right(
    watch: Watch, *, clear: bool
) -> None:
    model = nn.Sequential(*(nn.Linear(6, 6) for _ in range(4)))
    capture = watch(model)
    expected = train(model, clear=clear)
    frame = capture.frames[0]
    assert capture.of("act_grad_norm", "0") == pytest.approx(expected["0"], rel=1e-5)
    assert capture.of("act_grad_norm", "1") == pytest.approx(expected["1"], rel=1e-5)
    assert frame.measured["act_grad_norm"].tolist() == [True, True, False, False]
    assert "act_rms" not in frame.measured, "the outputs themselves are measured, all of them"
    assert frame.reasons == dict.fromkeys(["2", "3"], TOO_LARGE)


def test_a_layer_that_is_only_partly_seen_has_no_gradient_rather_than_a_part(watch: Watch) -> None:
    shared = nn.Linear(6, 6)
    model = nn.Sequential(shared, nn.Linear(6, 6), shared)
    capture = watch(model)
    x = torch.randn(16, 6)
    model(x).square().mean().backward()
    SGD(model.parameters(), lr=0.1).step()
    assert capture.frames[0].measured["act_grad_norm"].tolist() == [False, True]


def test_each_pass_has_a_graph_of_its_own(watch: Watch) -> None:
    model = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6))
    capture = watch(model)
    train(model, passes=3)
    assert "act_grad_norm" not in capture.frames[0].measured
    assert capture.frames[0].reasons == {}
