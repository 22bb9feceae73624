"""A monitor without a model: it is handed frames, so the view can be driven to any state."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from gradwidget.diagnose.engine import Engine
from gradwidget.diagnose.finding import Finding
from gradwidget.diagnose.thresholds import DEFAULT, Thresholds
from gradwidget.frame import Frame, Layer
from gradwidget.problem import Problem
from gradwidget.record.history import History
from gradwidget.report.processes import ALONE


def linear(name: str) -> Layer:
    return Layer(name, "Linear", {"weight": (64, 64), "bias": (64,)})


def chain(count: int) -> tuple[Layer, ...]:
    return tuple(linear(f"body.{i}") for i in range(count))


def frame(step: int, layers: tuple[Layer, ...], decay: float = 1.0, loss: float = 2.3) -> Frame:
    """A frame whose gradients shrink by ``decay`` at each layer toward the input."""
    sizes = np.float32(decay) ** np.arange(len(layers))[::-1] * 1e-2
    metrics = {name: sizes.astype(np.float32) for name in ("grad_rms", "grad_norm", "act_grad_rms")}
    return Frame(step, layers, metrics, {}, {"loss": loss, "total_grad_norm": 1.0, "lr": 0.1})


class FakeMonitor:
    def __init__(self, layers: tuple[Layer, ...], thresholds: Thresholds = DEFAULT) -> None:
        self.history = History()
        self.lock = threading.RLock()
        self.layers = layers
        self.problems: list[Problem] = []
        self.awaits = ""
        self.processes = ALONE
        self.overhead = float("nan")
        self.sampling_interval = 1.0
        self.closed = False
        self.on_frame: list[Callable[[], None]] = []
        self.thresholds = thresholds
        self._engine = Engine(thresholds)

    @property
    def findings(self) -> list[Finding]:
        return self._engine.findings

    def take(self, new: Frame) -> None:
        with self.lock:
            self.history.append(new)
            self._engine.update(self.history)
        for notify in self.on_frame:
            notify()
