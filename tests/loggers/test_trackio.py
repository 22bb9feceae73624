"""trackio, with a real run in a local store."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

trackio: Any = pytest.importorskip("trackio", reason="`make integrations` installs it")

from trackio.sqlite_storage import SQLiteStorage

from gradwidget import GradMonitor
from gradwidget.loggers.trackio import TrackioLogger

pytestmark = pytest.mark.filterwarnings("ignore")


def test_figures_come_at_their_steps_and_findings_as_alerts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for where in ("trackio.utils", "trackio.sqlite_storage"):
        monkeypatch.setattr(f"{where}.TRACKIO_DIR", tmp_path)
    run = trackio.init("try", embed=False)
    torch.manual_seed(0)
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with GradMonitor(model, budget=None) as monitor:
        monitor.send_to(TrackioLogger(run))
        for step in range(3):
            optimizer.zero_grad()
            (model(torch.randn(8, 4)).square().mean() * (math.nan if step == 2 else 1)).backward()
            optimizer.step()
    trackio.finish()
    assert monitor.problems == []
    logs = SQLiteStorage.get_logs("try", run.name)
    assert [log["step"] for log in logs] == [0, 1, 2]
    norms = monitor.history.scalars["total_grad_norm"]
    assert logs[1]["gradwidget/total_grad_norm"] == pytest.approx(norms[1])
    alerts = SQLiteStorage.get_alerts("try")
    assert alerts[0]["title"].startswith("gradwidget: ")
    assert alerts[0]["step"] == 2
