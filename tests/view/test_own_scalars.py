"""What capture itself adds to a step is no line that a user has asked for."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from gradwidget import GradMonitor


def test_no_scalar_of_our_own_is_drawn_as_one_of_the_user_s(root: Path) -> None:
    source = (root / "js/src/derive/bands.ts").read_text(encoding="utf-8")
    own = re.search(r"const OWN = new Set\(\[(.*?)\]\)", source, re.DOTALL)
    assert own
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
    assert set(monitor.history.scalars) <= set(re.findall(r'"(\w+)"', own[1]))
