"""What feeds the page in ``benchmarks.page``: runs in the notebook's kernel, and only sends.

Frames are made beforehand, with every statistic of every layer, so that the kernel takes little of
the processor from the browser that is measured.
"""

from __future__ import annotations

import threading
import time

import numpy as np
import torch

from gradwidget import GradWidget
from gradwidget.frame import Frame
from gradwidget.metrics import METRICS
from gradwidget.view.updates import Updates
from tests.support.fake_monitor import FakeMonitor, chain


class Feed:
    """A widget on layers that are not trained.

    Args:
        count: layers, each a row of its own.
        steps: frames that the history begins with.
        metrics: statistics at most.
    """

    def __init__(self, count: int, steps: int, metrics: int) -> None:
        self.widget = GradWidget(torch.nn.Linear(2, 2))
        self.widget.close()
        self._random = np.random.default_rng(0)
        drawn = [metric for metric in METRICS.values() if metric.scale in ("log", "share")]
        self._metrics = drawn[:metrics]
        self._layers = chain(count)
        self._monitor = FakeMonitor(self._layers)
        for step in range(steps):
            self._monitor.history.append(self._frame(step))
        self.widget._updates = Updates(self._monitor, "Net", [])  # noqa: SLF001 - in place of a trained model's
        self.widget._tick()  # noqa: SLF001 - nothing wakes the ticker, which is closed
        self._next = steps

    def run(self, seconds: float, rate: float = 10.0) -> None:
        """Sends ``rate`` updates a second from a thread of its own."""
        threading.Thread(target=self._run, args=(seconds, rate), daemon=True).start()

    def _run(self, seconds: float, rate: float) -> None:
        began = time.monotonic()
        for number in range(round(seconds * rate)):
            self._monitor.history.append(self._frame(self._next))
            self._next += 1
            self.widget._tick()  # noqa: SLF001 - as above
            time.sleep(max(0.0, began + (number + 1) / rate - time.monotonic()))

    def _frame(self, step: int) -> Frame:
        """One step of a healthy run, its values a little different each time."""
        count = len(self._layers)
        sizes = 1e-3 * np.logspace(-1, 1, count) * self._random.lognormal(0, 0.3, count)
        metrics = {
            metric.name: (sizes if metric.scale == "log" else np.clip(30 * sizes, 0, 1)).astype(
                np.float32
            )
            for metric in self._metrics
        }
        scalars = {"loss": 2.0 / (1 + step / 100), "total_grad_norm": float(sizes.sum()), "lr": 0.1}
        return Frame(step, self._layers, metrics, {}, scalars)
