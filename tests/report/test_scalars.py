"""Figures for other loggers, from hand-made histories and a real loop."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from gradwidget import GradMonitor, GradWidget


@pytest.mark.parametrize("kind", [GradMonitor, GradWidget])
def test_they_are_the_newest_frame_as_plain_floats(
    kind: type[GradMonitor | GradWidget],
) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watching = kind(model, budget=None)
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.randn(8, 4)).square().mean().backward()
        optimizer.step()
    found, of_layers = watching.scalars(), watching.scalars(layers=True)
    watching.close()
    assert all(type(value) is float for value in of_layers.values())
    assert found["gradwidget/state"] == 0.0
    assert found["gradwidget/step"] == 2.0
    scalars = watching.history.scalars
    assert found["gradwidget/loss"] == pytest.approx(scalars["loss"][-1])
    assert found["gradwidget/total_grad_norm"] == pytest.approx(scalars["total_grad_norm"][-1])
    assert not any("grad_rms" in name for name in found)
    assert of_layers.items() >= found.items()
    for row, name in enumerate(("0", "1")):
        assert of_layers[f"gradwidget/grad_rms/{name}"] == pytest.approx(
            watching.history["grad_rms"][-1, row]
        )


def test_a_finding_raises_the_state() -> None:
    model = nn.Sequential(nn.Linear(4, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with GradMonitor(model, budget=None) as monitor:
        for _ in range(3):
            optimizer.zero_grad()
            (model(torch.randn(8, 4)).mean() * math.nan).backward()
            optimizer.step()
        found = monitor.scalars()
    assert found["gradwidget/state"] == 2.0
    assert any(name.startswith("gradwidget/findings/") for name in found)
