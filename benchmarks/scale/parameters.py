"""Costs by the number of parameters: time beside reading the gradients once, and memory."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from operator import truediv
from pathlib import Path
from statistics import median
from time import thread_time

import torch
from torch import Tensor, nn

from benchmarks.scale.table import Line, head, rows
from benchmarks.workloads import Workload
from gradwidget import GradMonitor

COUNTS = (1_000_000, 3_000_000, 10_000_000, 30_000_000, 100_000_000, 300_000_000, 1_000_000_000)
BYTES = 4 * 4
"""Of one parameter: itself, its gradient, and as much to spare."""
SHARE = 0.25
"""Of the memory at hand that the largest model may take."""
STEPS = 9
"""Steps that are measured: the first of a run, which are all sampled."""
TIMES = 6.0
"""Times what reading the gradients once takes that a sample may cost."""
MEMORY = 64, 0.02
"""MiB, and the share of the parameters beyond it, that a sample may take."""
M_MMAP_THRESHOLD, LARGE = -3, 1 << 20
"""From malloc.h, and bytes."""

LINES = (
    Line("a step without it, ms", most=None),
    Line("reading the gradients once, ms", most=None),
    Line("a sample, ms"),
    Line("a sample, in such readings", most=None),
    Line("extra memory, MiB", digits=0, most=None),
    Line("extra memory it may take, MiB", digits=0, most=None),
)


class Pair(nn.Module):
    """The two large layers of a transformer's block.

    Args:
        width: of the model.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.wide = nn.Linear(width, 4 * width)
        self.narrow = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """What the pair adds to its input."""
        added: Tensor = self.narrow(self.wide(x).relu())
        return x + added


def main() -> None:
    """Prints the table."""
    counts = [count for count in COUNTS if count * BYTES <= SHARE * available()]
    hand_back_what_is_freed()
    print(head("parameters", counts), flush=True)
    found = [costs(count) for count in counts]
    print("\n".join(rows(LINES, counts, found)))
    base, share = MEMORY
    print(f"  bounds: {TIMES:g} readings; {base} MiB and {share:.0%} of the parameters", flush=True)


def costs(count: int) -> dict[str, float]:
    """The numbers of ``LINES``."""
    torch.manual_seed(0)
    work = workload(count)
    parameters = list(work.model.parameters())
    for _ in range(2):
        work.step()
    without = peak_of(work.step)
    monitor = GradMonitor(work.model)
    guard = monitor._session._guard  # noqa: SLF001  # its clock is no part of the interface
    steps, samples, readings = list[float](), list[float](), list[float]()
    for _ in range(STEPS):
        before = guard.spent
        step = milliseconds(work.step)
        samples.append(1e3 * (guard.spent - before))
        steps.append(step - samples[-1])
        readings.append(
            milliseconds(lambda: [one.grad.sum() for one in parameters if one.grad is not None])
        )
    assert monitor.history.version == STEPS, "each of them is sampled"
    extra = peak_of(work.step) - without
    monitor.close()
    base, share = MEMORY
    size = sum(one.nbytes for one in parameters) / 2**20
    return {
        "a step without it, ms": median(steps),
        "reading the gradients once, ms": median(readings),
        "a sample, ms": median(samples),
        "a sample, in such readings": median(map(truediv, samples, readings)),
        "extra memory, MiB": extra,
        "extra memory it may take, MiB": base + share * size,
    }


def workload(count: int) -> Workload:
    """Pairs of layers as wide as models of that size have them, on a batch of one."""
    # The smallest batch is the worst case: what a sample reads does not depend on it.
    width = 256 * 2 ** (len(str(count)) - len(str(COUNTS[0])))
    model = nn.Sequential(*[Pair(width) for _ in range(max(1, round(count / (8 * width**2))))])
    x = torch.randn(1, width)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    return Workload(model, optimizer, lambda model: model(x).square().mean())


def milliseconds(call: Callable[[], object]) -> float:
    """What a call takes."""
    began = thread_time()
    call()
    return 1e3 * (thread_time() - began)


def peak_of(call: Callable[[], object]) -> float:
    """The most MiB that the process has in a call."""
    gc.collect()
    reset_peak()
    call()
    return peak()


def hand_back_what_is_freed() -> None:
    """Has the C library ask the system for every large block, and return it when it is freed.

    What it would keep of a step's own tensors, and in how many parts, differs from step to step.
    """
    ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE)


def reset_peak() -> None:
    """Has Linux forget how large the process was."""
    Path("/proc/self/clear_refs").write_text("5")


def peak() -> float:
    """MiB that the process had at most since then."""
    return kilobytes(Path("/proc/self/status"), "VmHWM") / 1024


def available() -> float:
    """Bytes of memory that this machine has left."""
    return 1024 * kilobytes(Path("/proc/meminfo"), "MemAvailable")


def kilobytes(file: Path, name: str) -> float:
    """A figure of the system's."""
    lines = file.read_text().splitlines()
    return float(next(line for line in lines if line.startswith(f"{name}:")).split()[1])
