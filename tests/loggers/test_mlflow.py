"""MLflow, with a real store of runs."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import nn

mlflow = pytest.importorskip("mlflow", reason="`make integrations` installs it")

from gradwidget import GradMonitor
from gradwidget.loggers.mlflow import MLflowLogger

pytestmark = pytest.mark.filterwarnings("ignore")


def train(model: nn.Module, steps: int) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(steps):
        optimizer.zero_grad()
        (model(torch.randn(8, 4)).square().mean() * (math.nan if step == 2 else 1)).backward()
        optimizer.step()


def test_figures_are_metrics_by_step_and_findings_tags(tmp_path: Path) -> None:
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'runs.db'}")
    model = nn.Linear(4, 1)
    with mlflow.start_run() as run, GradMonitor(model, budget=None) as monitor:
        monitor.send_to(MLflowLogger(), layers=True)
        train(model, 2)
    monitor = GradMonitor(model, budget=None, start_step=2)
    monitor.send_to(MLflowLogger(run.info.run_id))
    train(model, 3)
    monitor.close()
    assert monitor.problems == []
    # What comes after the run starts no other.
    assert mlflow.active_run() is None
    client = mlflow.MlflowClient()
    known = client.get_metric_history(run.info.run_id, "gradwidget/total_grad_norm")
    assert sorted(one.step for one in known) == [0, 1, 2, 3, 4]
    assert client.get_metric_history(run.info.run_id, "gradwidget/grad_rms/_root_")
    tags = client.get_run(run.info.run_id).data.tags
    assert any(name.startswith("gradwidget.") for name in tags)


def test_without_a_run_it_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="start_run"):
        MLflowLogger()
