"""Plain and instrumented steps alternating in one process, so disturbances hit both alike.

Two copies of the network take turns, step by step. One copy with the instrument switched on and off
would train on through both halves, and what the instrument leaves in the caches would slow down the
plain half as well.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter, thread_time
from typing import NamedTuple

import torch

from benchmarks.rivals import Method
from benchmarks.workloads import Workload
from gradwidget.capture.sampling.allowances import AT_LAST_EVERY

SETTLING = 500
"""Steps before the clock starts, in which what is found at the start of a run is sampled closely.
"""
LONGEST = 25.0
"""Seconds that they may take, once there were ``FEWEST`` of them."""
FEWEST = 40
BLOCKS = 12
"""Blocks of steps that the time is divided into; fewer would say nothing about the spread."""


class Measured(NamedTuple):
    """What one method costs on one workload."""

    shares: list[float]
    """Overhead of each block, as a share of the plain steps' time."""
    plain: float
    """Processor seconds of a plain step."""
    statistics: int
    """How many statistics it delivers per parameter or layer; 0 where none."""


def measure(
    make: Callable[[], Workload], method: Callable[[Workload], Method], seconds: float
) -> Measured:
    """Runs both copies for about ``seconds``."""
    torch.manual_seed(0)
    plain = make()
    torch.manual_seed(0)
    watched = make()
    watching = method(watched)
    watching.off(0.0)
    began = perf_counter()
    for number in range(SETTLING):
        step(plain, watched, watching)
        if number >= FEWEST and perf_counter() - began > LONGEST:
            break
    began = perf_counter()
    for _ in range(5):
        step(plain, watched, watching)
    # A block must hold several samples, or its ratio says nothing about the mean.
    block = max(5, min(AT_LAST_EVERY, int(seconds / BLOCKS / (perf_counter() - began) * 5)))
    shares: list[float] = []
    began, without = perf_counter(), 0.0
    while perf_counter() - began < seconds or len(shares) < 4:
        watching.elsewhere()
        times = [step(plain, watched, watching) for _ in range(block)]
        without = sum(time for time, _ in times)
        shares.append((sum(time for _, time in times) + watching.elsewhere()) / without - 1)
    watching.close()
    return Measured(shares, without / block, watching.statistics)


def step(plain: Workload, watched: Workload, watching: Method) -> tuple[float, float]:
    """Processor seconds that the training thread takes for a plain and for an instrumented step."""
    wall, began = perf_counter(), thread_time()
    plain.step()
    without = thread_time() - began
    watching.off(perf_counter() - wall)
    watching.on()
    began = thread_time()
    watched.step()
    watching.after_step()
    with_it = thread_time() - began
    watching.off(0.0)
    return without, with_it
