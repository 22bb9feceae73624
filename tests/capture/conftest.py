from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn

from gradwidget.capture.capture import Capture
from gradwidget.frame import Frame


class Watched(Capture):
    """A capture that keeps its frames."""

    def __init__(self, model: nn.Module, *args: Any, **options: Any) -> None:
        self.frames: list[Frame] = []
        super().__init__(model, *args, emit=self.frames.append, **{"budget": None, **options})

    def of(self, metric: str, layer: str, frame: int = -1) -> float:
        taken = self.frames[frame]
        row = [one.name for one in taken.layers].index(layer)
        assert taken.is_measured(metric)[row], f"{metric} of {layer} was not measured"
        return float(taken.metrics[metric][row])


@pytest.fixture
def watch() -> Iterator[Callable[..., Watched]]:
    """Attaches captures that are closed with the test; each must have had no problem."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    opened: list[Watched] = []

    def attach(model: nn.Module, *args: Any, **options: Any) -> Watched:
        opened.append(Watched(model, *args, **options))
        return opened[-1]

    yield attach
    for capture in opened:
        capture.close()
        assert capture.problems == []
