"""What a long run costs in memory: ``python -m benchmarks.memory [steps]``.

The history of a million steps of 200 layers, and what the process takes with it.
"""

from __future__ import annotations

import sys
import time

from tests.support.runs.long_run import readings


def main(steps: int) -> None:
    """Prints the readings."""
    began = time.perf_counter()
    for step, history, process in readings(steps):
        each = (time.perf_counter() - began) / step * 1e6
        sizes = f"history {history / 2**20:5.1f} MiB, process {process / 2**20:6.1f} MiB"
        print(f"{step:9,} steps: {sizes}, {each:4.0f} µs per step", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
