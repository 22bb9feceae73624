"""What a step shows of the loop is looked at in sampled steps alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD

from gradwidget import GradMonitor
from gradwidget.capture.collect.loop.loop_facts import LoopFacts


def test_nothing_is_made_for_them_in_other_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[LoopFacts] = []
    begin = LoopFacts.__init__

    def noted(self: LoopFacts, *args: Any) -> None:
        made.append(self)
        begin(self, *args)

    monkeypatch.setattr(LoopFacts, "__init__", noted)
    model = nn.Linear(3, 2)
    optimizer = SGD(model.parameters(), lr=0.01)
    with GradMonitor(model) as monitor:
        for _ in range(60):
            optimizer.zero_grad()
            model(torch.randn(4, 3)).square().mean().backward()
            optimizer.step()
    assert len(made) == monitor.history.version < 60
