"""What capture itself adds to a step is no line that a user has asked for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from gradwidget import GradMonitor


@pytest.fixture
def not_drawn(root: Path) -> set[str]:
    """The names that the timeline leaves out."""
    source = (root / "js/src/derive/bands.ts").read_text(encoding="utf-8")
    own = re.search(r"const OWN = new Set\(\[(.*?)\]\)", source, re.DOTALL)
    assert own
    return set(re.findall(r'"(\w+)"', own[1]))


def test_no_scalar_of_our_own_is_drawn_as_one_of_the_user_s(not_drawn: set[str]) -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.1), nn.Linear(8, 2))
    optimizer = torch.optim.Adam(model.parameters())
    loader = DataLoader(TensorDataset(torch.randn(64, 4)), 8)
    scaler = torch.amp.GradScaler("cpu")
    with GradMonitor(model, budget=None) as monitor:
        for _ in range(3):
            for (x,) in loader:
                optimizer.zero_grad()
                scaler.scale(model(x).square().mean()).backward()
                scaler.step(optimizer)
                scaler.update()
    assert len(monitor.history.scalars) > 10
    assert set(monitor.history.scalars) <= not_drawn


def test_nor_is_one_that_only_a_loop_with_a_bug_has(not_drawn: set[str]) -> None:
    model = nn.Linear(4, 2)
    never_steps = torch.optim.SGD(model.parameters())
    with GradMonitor(model, never_steps, budget=None) as monitor:
        for _ in range(20):
            never_steps.zero_grad()
            model(torch.randn(8, 4)).square().mean().backward()
    assert "unstepped" in monitor.history.scalars
    assert set(monitor.history.scalars) <= not_drawn


def test_nor_is_one_that_a_rule_reads(not_drawn: set[str], root: Path) -> None:
    rules = (root / "gradwidget/diagnose").rglob("*.py")
    read = r'(?:scalars\.get|recent_scalar)\(\s*"(\w+)"'
    named = {name for rule in rules for name in re.findall(read, rule.read_text(encoding="utf-8"))}
    assert len(named) > 8
    assert named <= not_drawn
