"""A run of 100 layers and 10,000 steps, and one in which every name is hostile, to be exported."""

from __future__ import annotations

import numpy as np

from gradwidget.frame import Frame, Layer
from gradwidget.metrics import METRICS
from gradwidget.problem import Problem
from tests.support.fake_monitor import FakeMonitor, chain, frame

HOSTILE = (
    "</script><img src=x onerror=alert(1)>",
    "<!--<script>",
    "]]></style>{0}%s",
    "line\u2028separator",
    "half \ud800 a pair",
    "\u202eturned &amp; 'quoted' \"twice\"",
)


def long_run(layers: int = 100, steps: int = 10_000, noise: float = 0.3) -> FakeMonitor:
    """Every metric of every layer measured, each with noise of its own: nothing packs well."""
    random = np.random.default_rng(0)
    monitor = FakeMonitor(chain(layers))
    for step in range(steps):
        drift = np.float32(0.5 + step / steps)
        metrics = {
            name: np.exp(random.normal(0, noise, layers)).astype(np.float32)
            * (drift * np.float32(1e-3) if metric.scale == "log" else np.float32(0.1))
            for name, metric in METRICS.items()
            if metric.scale in {"log", "share"}
        }
        scalars = {"loss": 2.0 - step / steps + random.normal(0, 0.1), "lr": 0.1}
        monitor.history.append(Frame(step, monitor.layers, metrics, {}, scalars))
    return monitor


def hostile_run(steps: int = 60) -> FakeMonitor:
    """Vanishing gradients in layers whose names would be markup, and so is all else."""
    layers = tuple(
        Layer(name, "<b>Linear</b>", {"weight": (4, 4)}, activation="<i>relu</i>")
        for name in HOSTILE
    )
    monitor = FakeMonitor(layers)
    for step in range(steps):
        plain = frame(step, layers, decay=0.02)
        scalars = {**plain.scalars, "<s>mine</s>": float(step)}
        monitor.take(Frame(step, layers, plain.metrics, {}, scalars))
    monitor.problems.append(Problem("<u>x</u>", "</script><script>alert(2)</script>", "<pre>", 3))
    return monitor
