"""A run of many steps without a model: what its history and its process take in memory."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gradwidget.frame import Frame, Layer
from gradwidget.metrics import METRICS
from gradwidget.record.history import History

LAYERS = 200
SCALARS = ("loss", "total_grad_norm", "raw_total_grad_norm", "lr", "time", "overhead")


def readings(steps: int) -> Iterator[tuple[int, int, int]]:
    """Appends frames as capture makes them; ten times on the way, says what they take.

    Yields:
        Steps so far, bytes of the history, bytes of the process.
    """
    layers = tuple(
        Layer(f"layers.{number}", "Linear", {"weight": (64, 64)}) for number in range(LAYERS)
    )
    random = np.random.default_rng(0)
    history = History()
    for step in range(steps):
        metrics = {name: random.random(LAYERS, np.float32) for name in METRICS}
        history.append(Frame(step, layers, metrics, scalars=dict.fromkeys(SCALARS, float(step))))
        if (step + 1) % (steps // 10) == 0:
            yield step + 1, history.nbytes, resident()


def resident() -> int:
    """Bytes of this process that are in memory now.

    Where the system does not say: the most that ever were.
    """
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
