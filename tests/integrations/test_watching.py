"""What all callbacks share, without any framework."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from gradwidget import Finding, GradWidget, integrations
from gradwidget.integrations.watching import Watching

FRAMEWORKS = {
    "fastai": "fastai",
    "ignite": "ignite",
    "keras": "keras",
    "lightning": "lightning",
    "skorch": "skorch",
    "stable_baselines3": "stable_baselines3",
    "transformers": "transformers",
    "ultralytics": "ultralytics",
}
"""What is imported, by the name of our module."""


def test_every_callback_is_listed() -> None:
    folder = Path(str(integrations.__file__)).parent
    files = {path.stem for path in folder.glob("*.py")}
    assert files == {"__init__", "watching", *FRAMEWORKS}


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_framework_that_is_missing_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for one in (FRAMEWORKS[name], "pytorch_lightning"):
        loaded = [known for known in sys.modules if known.split(".")[0] == one]
        for known in loaded:
            monkeypatch.delitem(sys.modules, known)
        monkeypatch.setitem(sys.modules, one, None)
    module = f"gradwidget.integrations.{name}"
    monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(ImportError, match=r"which is not installed: pip install \S+$"):
        importlib.import_module(module)


def test_a_notebook_gets_the_picture_in_the_running_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(kernel=1))
    monkeypatch.setattr("IPython.display.display", shown.append)
    model = nn.Linear(2, 1)
    watching = Watching(stop_on_critical=False, budget=None)
    watching.begin(model, 7)
    assert isinstance(shown[0], GradWidget)
    assert shown[0].monitor is watching.monitor
    model(torch.ones(1, 2)).sum().backward()
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    assert watching.scalars()["gradwidget/step"] == 7.0
    watching.end()
    assert shown[0].monitor.closed
    shown[0].close()


class Kept:
    """Keeps the steps that it is told of."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def log_figures(self, figures: dict[str, float], step: int) -> None:
        self.steps.append(step)

    def log_finding(self, finding: Finding, step: int) -> None:
        """Not of interest."""


def test_a_logger_is_told_of_every_training_and_steps_go_on_where_none_are_counted() -> None:
    kept, model = Kept(), nn.Linear(2, 1)
    watching = Watching(send_to=kept, budget=None)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        watching.begin(model)
        for _ in range(3):
            model(torch.ones(1, 2)).sum().backward()
            optimizer.step()
        watching.end()
    assert kept.steps == [0, 1, 2, 3, 4, 5]


def test_before_training_there_is_nothing_to_say() -> None:
    watching = Watching(stop_on_critical=True)
    assert watching.scalars() == {}
    assert not watching.should_stop()
    watching.end()
