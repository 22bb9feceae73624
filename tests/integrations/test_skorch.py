"""The callback for skorch, in a real net."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

pytest.importorskip("skorch", reason="`make integrations` installs it")

from sklearn.base import clone
from skorch import NeuralNetRegressor

from gradwidget.integrations.skorch import GradCallback

X = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
Y = X.sum(axis=1, keepdims=True)


def net(callback: GradCallback, **options: Any) -> Any:
    torch.manual_seed(0)
    given = {"max_epochs": 2, "batch_size": 8, "train_split": None, "verbose": 0, **options}
    module = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    return NeuralNetRegressor(module, lr=0.1, callbacks=[callback], **given)


def test_steps_and_figures_are_the_nets() -> None:
    callback = GradCallback(budget=None)
    one = net(callback)
    one.fit(X, Y)
    monitor = one.callbacks[0].monitor
    assert monitor is not None
    assert monitor.closed
    assert monitor.problems == []
    assert monitor.history.steps.tolist() == list(range(10))
    losses = [batch["train_loss"] for epoch in one.history for batch in epoch["batches"]]
    assert monitor.history.scalars["loss"].tolist() == pytest.approx(losses, rel=1e-5)
    ours = [batch["gradwidget/loss"] for epoch in one.history for batch in epoch["batches"]]
    assert ours == pytest.approx(losses, rel=1e-5)
    one.partial_fit(X, Y)
    assert one.callbacks[0].monitor.history.steps[0] == 10


def test_a_copy_as_a_grid_search_makes_it_has_the_options() -> None:
    one = net(GradCallback(budget=None, activations=False))
    one.fit(X, Y)
    copy = clone(one)
    copy.fit(X, Y)
    monitor = copy.callbacks[0].monitor
    assert monitor is not one.callbacks[0].monitor
    assert monitor.history.steps.tolist() == list(range(10))
    assert "act_grad_rms" not in monitor.history


def test_a_critical_finding_stops_the_training_if_asked() -> None:
    one = net(GradCallback(budget=None, stop_on_critical=True), max_epochs=50)
    one.initialize()
    with torch.no_grad():
        one.module_[2].weight[0, 0] = float("nan")
    one.partial_fit(X, Y)
    assert len(one.history) < 50
