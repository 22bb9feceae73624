"""What the page is fed with in ``benchmarks.page``: run in the notebook's kernel, which then only sends.

Frames are made beforehand, with every statistic of every layer, so that the kernel takes little of the processor from
the browser that is measured.
"""

from __future__ import annotations

import threading
import time

import numpy as np
import torch

from gradwidget import GradWidget
from gradwidget.frame import Frame, Layer
from gradwidget.metrics import METRICS
from gradwidget.view.bridge import Bridge
from tests.view.fakes import FakeMonitor, chain


class Feed:
    """A widget on layers that nobody trains.

    Args:
        count: layers, each a row of its own.
        steps: frames that the history begins with.
    """

    def __init__(self, count: int, steps: int) -> None:
        self.widget = GradWidget(torch.nn.Linear(2, 2))
        self.widget.close()
        self._random = np.random.default_rng(0)
        self._layers = chain(count)
        self._monitor = FakeMonitor(self._layers)
        for step in range(steps):
            self._monitor.history.append(frame(step, self._layers, self._random))
        self.widget._bridge = Bridge(self._monitor, "Net", [])  # noqa: SLF001 - in place of a trained model's
        self.widget._tick()  # noqa: SLF001 - nothing wakes the ticker, which is closed
        self._next = steps

    def run(self, seconds: float, rate: float = 10.0) -> None:
        """Sends ``rate`` updates a second from a thread of its own."""
        threading.Thread(target=self._run, args=(seconds, rate), daemon=True).start()

    def _run(self, seconds: float, rate: float) -> None:
        began = time.monotonic()
        for number in range(round(seconds * rate)):
            self._monitor.history.append(frame(self._next, self._layers, self._random))
            self._next += 1
            self.widget._tick()  # noqa: SLF001 - as above
            time.sleep(max(0.0, began + (number + 1) / rate - time.monotonic()))


def frame(step: int, layers: tuple[Layer, ...], random: np.random.Generator) -> Frame:
    """One step of a healthy run, its figures a little different each time."""
    sizes = 1e-3 * np.logspace(-1, 1, len(layers)) * random.lognormal(0, 0.3, len(layers))
    metrics = {
        name: (sizes if metric.scale == "log" else np.clip(30 * sizes, 0, 1)).astype(np.float32)
        for name, metric in METRICS.items()
        if metric.scale in ("log", "share")
    }
    loss = 2.0 / (1 + step / 100) + 0.1 * random.random()
    return Frame(step, layers, metrics, {}, {"loss": loss, "total_grad_norm": float(sizes.sum()), "lr": 0.1})
