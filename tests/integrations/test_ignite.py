"""The handlers for PyTorch-Ignite, in a real engine."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("ignite", reason="`make integrations` installs it")

from ignite.engine import Engine, Events

from gradwidget.integrations.ignite import watch


def engine_of(model: nn.Module, norms: list[float]) -> Engine:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def update(_: Any, batch: Tensor) -> float:
        optimizer.zero_grad()
        loss = model(batch).square().mean()
        loss.backward()
        parts = [one.grad.flatten() for one in model.parameters() if one.grad is not None]
        norms.append(float(torch.cat(parts).norm()))
        optimizer.step()
        return float(loss.detach())

    return Engine(update)


def test_steps_and_figures_are_the_engines() -> None:
    model, norms = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)), list[float]()
    engine = engine_of(model, norms)
    watching = watch(engine, model, budget=None)
    seen: list[float] = []

    @engine.on(Events.ITERATION_COMPLETED)
    def log() -> None:
        seen.append(engine.state.metrics["gradwidget/total_grad_norm"])

    engine.run([torch.randn(8, 4) for _ in range(5)], max_epochs=2)
    monitor = watching.monitor
    assert monitor is not None
    assert monitor.closed
    assert monitor.problems == []
    assert monitor.history.steps.tolist() == list(range(10))
    assert monitor.history.scalars["total_grad_norm"].tolist() == pytest.approx(norms, rel=1e-4)
    assert seen == pytest.approx(norms, rel=1e-4)


def test_a_critical_finding_stops_the_training_if_asked() -> None:
    model = nn.Linear(4, 1)
    with torch.no_grad():
        model.weight[0, 0] = float("nan")
    engine = engine_of(model, [])
    watch(engine, model, budget=None, stop_on_critical=True)
    engine.run([torch.randn(8, 4) for _ in range(50)], max_epochs=1)
    assert engine.state.iteration < 50


def test_an_error_in_the_loop_ends_the_watching_and_is_raised() -> None:
    model = nn.Linear(4, 1)
    engine = engine_of(model, [])
    watching = watch(engine, model)
    with pytest.raises(RuntimeError):
        engine.run([torch.randn(8, 5)])
    assert watching.monitor is not None
    assert watching.monitor.closed
