"""Python's own logging."""

from __future__ import annotations

import logging

import pytest
import torch
from torch import nn

from gradwidget import GradMonitor
from gradwidget.loggers.stdlib import StdlibLogger


def train(model: nn.Module) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(3):
        optimizer.zero_grad()
        (model(torch.randn(8, 4)).square().mean() * (float("nan") if step == 2 else 1)).backward()
        optimizer.step()


@pytest.mark.parametrize("given", ["train", logging.getLogger("train")])
def test_findings_have_the_level_of_their_severity_and_figures_are_for_debugging(
    given: logging.Logger | str, caplog: pytest.LogCaptureFixture
) -> None:
    model = nn.Linear(4, 1)
    with caplog.at_level(logging.DEBUG, "train"), GradMonitor(model, budget=None) as monitor:
        monitor.send_to(StdlibLogger(given))
        train(model)
    figures = [one for one in caplog.records if one.levelno == logging.DEBUG]
    assert [one.getMessage().split(":")[0] for one in figures] == ["step 0", "step 1", "step 2"]
    norms = [one.__dict__["gradwidget"]["gradwidget/total_grad_norm"] for one in figures[:2]]
    assert norms == pytest.approx(monitor.history.scalars["total_grad_norm"][:2])
    grave = [one.getMessage() for one in caplog.records if one.levelno == logging.CRITICAL]
    assert grave
    assert all(message.startswith("step 2: ") for message in grave)


def test_figures_cost_nothing_where_nobody_asks_for_them(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "train"):
        StdlibLogger("train").log_figures({"gradwidget/loss": 1.0}, 3)
    assert caplog.records == []
