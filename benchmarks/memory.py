"""What a long run costs in memory: the history of a million steps of 200 layers, and what the
process takes with it.

``python -m benchmarks.memory [steps]``
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gradwidget.frame import Frame, Layer
from gradwidget.metrics import METRICS
from gradwidget.record.history import History

LAYERS = 200
SCALARS = ("loss", "total_grad_norm", "raw_total_grad_norm", "lr", "time", "overhead")


def readings(steps: int) -> Iterator[tuple[int, int, int]]:
    """Appends frames as capture makes them; a tenth of the way at a time gives steps, history
    bytes, process bytes.
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
    """Bytes of this process that are in memory now; where the system does not say, the most that
    ever were.
    """
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(steps: int) -> None:
    """Prints the readings."""
    began = time.perf_counter()
    for step, history, process in readings(steps):
        each = (time.perf_counter() - began) / step * 1e6
        sizes = f"history {history / 2**20:5.1f} MiB, process {process / 2**20:6.1f} MiB"
        print(f"{step:9,} steps: {sizes}, {each:4.0f} µs a step", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
