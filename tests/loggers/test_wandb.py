"""Weights & Biases, with a real run that is offline."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

wandb: Any = pytest.importorskip("wandb", reason="`make integrations` installs it")

from gradwidget import GradMonitor
from gradwidget.loggers.wandb import WandbLogger

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def run(tmp_path: Path) -> Any:
    with wandb.init(mode="offline", dir=str(tmp_path), project="try") as one:
        yield one


def train(model: nn.Module, log: Any = None) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(3):
        optimizer.zero_grad()
        (model(torch.randn(8, 4)).square().mean() * (math.nan if step == 2 else 1)).backward()
        optimizer.step()
        if log is not None:
            log({"mine": step})


def test_figures_go_along_with_the_calls_of_the_loop(run: Any, monkeypatch: Any) -> None:
    alerts: list[dict[str, Any]] = []
    monkeypatch.setattr(run, "alert", lambda **given: alerts.append(given))
    model = nn.Linear(4, 1)
    with GradMonitor(model, budget=None) as monitor:
        monitor.send_to(WandbLogger(run))
        train(model, run.log)
    assert monitor.problems == []
    # Its own calls alone are steps of the run.
    assert run.step == 3
    assert run.summary["mine"] == 2
    assert run.summary["gradwidget/step"] == 2.0
    assert alerts[0]["level"] in ("WARN", "ERROR")
    assert alerts[0]["title"].startswith("gradwidget: ")


def test_figures_are_steps_of_the_run_where_it_has_no_others(run: Any) -> None:
    model = nn.Linear(4, 1)
    with GradMonitor(model, budget=None) as monitor:
        monitor.send_to(WandbLogger(commit=True))
        train(model)
    assert monitor.problems == []
    assert run.step == 3
    assert run.summary["gradwidget/step"] == 2.0


def test_without_a_run_it_says_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"wandb\.init"):
        WandbLogger()
