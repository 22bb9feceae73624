"""The callback for fastai, with a real learner."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

pytest.importorskip("fastai", reason="`make integrations` installs it")
pytest.importorskip("torchvision", reason="it has to be made for the torch that is installed")

from fastai.callback.core import Callback
from fastai.callback.training import GradientAccumulation, GradientClip
from fastai.data.core import DataLoaders
from fastai.learner import Learner

from gradwidget.integrations.fastai import GradCallback

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")


class Norms(Callback):
    """What the optimizer is given."""

    order = 90

    def __init__(self) -> None:
        self.seen: list[float] = []

    def before_step(self) -> None:
        parts = [one.grad.flatten() for one in self.model.parameters() if one.grad is not None]
        self.seen.append(float(torch.cat(parts).norm()))


def learner(model: nn.Module, *callbacks: Callback) -> Any:
    torch.manual_seed(0)
    x = torch.randn(64, 4)
    data = TensorDataset(x, x.sum(1, keepdim=True))
    loaders = DataLoaders.from_dsets(data, data, bs=8, device="cpu")
    one = Learner(loaders, model, loss_func=nn.MSELoss(), lr=0.01, cbs=list(callbacks))
    one.remove_cbs([known for known in one.cbs if type(known).__name__ == "ProgressCallback"])
    return one


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))


def test_steps_and_figures_are_those_that_the_optimizer_uses() -> None:
    norms, callback = Norms(), GradCallback(budget=None)
    one = learner(network(), GradientClip(0.1), norms, callback)
    one.fit(2)
    monitor = callback.monitor
    assert monitor is not None
    assert monitor.closed
    assert monitor.problems == []
    assert monitor.history.steps.tolist() == list(range(16))
    scalars = monitor.history.scalars
    assert scalars["total_grad_norm"].tolist() == pytest.approx(norms.seen, rel=1e-4)
    assert scalars["lr"].tolist() == pytest.approx([0.01] * 16)
    one.fit(1)
    assert callback.monitor is not None
    assert callback.monitor.history.steps[0] == 16


def test_accumulated_batches_are_one_step() -> None:
    callback = GradCallback(budget=None)
    learner(network(), GradientAccumulation(16), callback).fit(1)
    assert callback.monitor is not None
    assert callback.monitor.problems == []
    assert callback.monitor.history.steps.tolist() == [0, 1, 2, 3]


def test_a_critical_finding_stops_the_training_if_asked() -> None:
    model = network()
    with torch.no_grad():
        next(model.parameters())[0, 0] = float("nan")
    callback = GradCallback(budget=None, stop_on_critical=True)
    one = learner(model, callback)
    one.fit(20)
    assert callback.monitor is not None
    assert callback.monitor.closed
    assert len(callback.monitor.history.steps) < 160
