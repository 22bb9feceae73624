"""Torch's own functions work as before while somebody listens, and are themselves again after."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.jit import _builtins
from torch.nn.modules import module as torch_module
from torch.optim import SGD
from torch.optim import optimizer as torch_optimizer

from tests.support.faults import guarded

Watch = Callable[..., Any]


def penalty(x: Tensor) -> Tensor:
    slope = torch.autograd.grad([(x * x).sum()], [x])[0]
    assert slope is not None
    return slope.sum()


# TorchScript is deprecated, and still used.
@pytest.mark.filterwarnings("ignore:.*torch.jit.script.* is deprecated")
@pytest.mark.parametrize("table_first", [True, False])
def test_a_function_that_takes_gradients_can_be_scripted(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, *, table_first: bool
) -> None:
    if not table_first:
        monkeypatch.setattr(_builtins, "_builtin_table", None)
    model = nn.Linear(3, 3)
    watch(model)
    scripted = torch.jit.script(penalty)
    assert float(scripted(torch.ones(3, requires_grad=True))) == 6.0


def test_closing_leaves_torch_as_it_was(watch: Watch) -> None:
    before = [
        torch.autograd.backward,
        torch.autograd.grad,
        torch.compile,
        GradScaler.scale,
        GradScaler.step,
        list(_builtins._builtin_ops),
        dict(_builtins._get_builtin_table()),
    ]
    models = [nn.Linear(3, 3), nn.Linear(3, 3)]
    captures = [watch(model) for model in models]
    assert torch.autograd.backward is not before[0]
    for capture in captures:
        capture.close()
    assert before == [
        torch.autograd.backward,
        torch.autograd.grad,
        torch.compile,
        GradScaler.scale,
        GradScaler.step,
        list(_builtins._builtin_ops),
        dict(_builtins._get_builtin_table()),
    ]


def test_a_scaler_that_somebody_has_wrapped_meanwhile_tells_once(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GradScaler, "scale", GradScaler.scale)  # so that it is put back
    model = nn.Linear(3, 3)
    first = watch(model)
    ours = GradScaler.scale

    def theirs(*args: Any) -> Any:
        return ours(*args)

    GradScaler.scale = theirs  # type: ignore[assignment]  # as who patches it does
    first.close()
    second = watch(model)
    assert GradScaler.scale is not theirs
    told: list[Any] = []
    monkeypatch.setattr(type(second), "loss_scaled", lambda *_: told.append(1))
    GradScaler("cpu").scale(torch.ones(1))
    second.close()
    assert told == [1]


def contained(function: Any) -> bool:
    """Whether nothing that a function raises comes out of it."""
    if isinstance(function, partial):
        function = function.func
    function = getattr(function, "__func__", function)
    return guarded(function) is not None or function.__name__ in {
        "_called",  # of a hook: hands on to what is contained
        "_step_begins",  # two lines that tell every listener, each contained
        "_step_ended",
    }


def test_every_function_that_torch_is_given_contains_its_failures(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    def noting(original: Callable[..., Any], place: int) -> Callable[..., Any]:
        def note(*args: Any, **kwargs: Any) -> Any:
            given.append(args[place])
            return original(*args, **kwargs)

        return note

    monkeypatch.setattr(Tensor, "register_hook", noting(Tensor.register_hook, 1))
    pre_hook = noting(torch_module.register_module_forward_pre_hook, 0)
    ours = "gradwidget.capture.hooks.global_hook.register_module_forward_pre_hook"
    monkeypatch.setattr(ours, pre_hook)
    hook = noting(torch_module.register_module_forward_hook, 0)
    monkeypatch.setattr(torch_module, "register_module_forward_hook", hook)
    for kind in ("register_optimizer_step_pre_hook", "register_optimizer_step_post_hook"):
        ours = f"gradwidget.capture.hooks.torch_events.{kind}"
        monkeypatch.setattr(ours, noting(getattr(torch_optimizer, kind), 0))
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.LSTM(3, 3))
    optimizer = SGD(model.parameters(), lr=0.1)
    capture = watch(model)
    capture.cycle.inspector.ask("0")
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.ones(4, 3))[0].sum().backward()
        optimizer.step()
    assert len(given) >= 8
    assert [function for function in given if not contained(function)] == []
