"""Costs by the number of layers, in milliseconds: from attaching to the page."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import thread_time

import torch
from torch import Tensor, nn

from benchmarks.scale.table import Line, head, rows
from benchmarks.workloads import Workload
from gradwidget import GradMonitor
from gradwidget.diagnose.engine import Engine
from gradwidget.diagnose.thresholds import DEFAULT
from gradwidget.frame import Frame
from gradwidget.record.history import History
from gradwidget.view.updates import Updates

COUNTS = (10, 30, 100, 300, 1_000, 3_000, 10_000)
STAGE = 30
"""Layers of a stage."""
START = 12
"""Steps that are sampled at the start of a run."""
FEWEST, MOST = 5, 30
"""Unsampled steps that are measured, as many as fit into ``SECONDS``."""
SECONDS = 3.0
FRAMES = 2 * DEFAULT.slow_rule_interval
"""Frames that are judged: each rule has its turn among them."""

LINES = (
    Line("a plain step", most=None),
    Line("attach"),
    Line("first step, beside a plain one"),
    Line("sampled step, beside a plain one"),
    Line("own part of an unsampled step", digits=3),
    Line("recording a frame", digits=3),
    Line("all rules on a frame", digits=3),
    Line("a message to the page", digits=3),
    Line("a page that opens"),
    Line("report()"),
    Line("to_svg()"),
    Line("to_html()"),
)


class Stages(nn.Module):
    """Stages in which each layer adds a little to a stream, with one layer from each to the next.

    Gradients neither vanish nor explode at any depth.

    Args:
        count: of layers.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        layers = [nn.Linear(8, 8) for _ in range(count)]
        for layer in layers[STAGE - 1 :: STAGE]:
            nn.init.orthogonal_(layer.weight)
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        """What is left after all of them."""
        share = 1 / len(self.layers)
        for number, layer in enumerate(self.layers, start=1):
            x = layer(x) if number % STAGE == 0 else x + share * layer(x).relu()
        return x


def main() -> None:
    """Prints the table."""
    print(head("milliseconds, by layers", COUNTS), flush=True)
    found = [costs(count) for count in COUNTS]
    print("\n".join(rows(LINES, COUNTS, found)), flush=True)


def costs(count: int) -> dict[str, float]:
    """Milliseconds for each of ``LINES``."""
    torch.manual_seed(0)
    work = workload(count)
    plain = min(milliseconds(work.step) for _ in range(9 if count < COUNTS[-1] else 5))
    began = thread_time()
    monitor = GradMonitor(work.model)
    found = {"a plain step": plain, "attach": 1e3 * (thread_time() - began)}
    found["first step, beside a plain one"] = milliseconds(work.step) - plain
    sampled = min(milliseconds(work.step) for _ in range(START - 1))
    found["sampled step, beside a plain one"] = sampled - plain
    found["own part of an unsampled step"] = unsampled(work, monitor)
    return found | of_the_rest(monitor)


def workload(count: int) -> Workload:
    """A network of so many layers, and a task that it can learn."""
    model = Stages(count)
    x = torch.randn(32, 8)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    return Workload(model, optimizer, lambda model: (model(x) - 2 * x).square().mean())


def unsampled(work: Workload, monitor: GradMonitor) -> float:
    """Milliseconds that the monitor takes of a step that makes no frame, by its own clock."""
    guard = monitor._session._guard  # noqa: SLF001  # its clock is no part of the interface
    began, found = thread_time(), list[float]()
    while len(found) < FEWEST or (len(found) < MOST and thread_time() - began < SECONDS):
        version, before = monitor.history.version, guard.spent
        work.step()
        if monitor.history.version == version:
            found.append(1e3 * (guard.spent - before))
    return min(found)


def of_the_rest(monitor: GradMonitor) -> dict[str, float]:
    """What comes after capture, of the frames that it has made."""
    session, history, engine = monitor._session, History(), Engine()  # noqa: SLF001  # what the picture reads
    updates = Updates(session, "Stages", [])
    last = monitor.history.last
    assert last is not None
    recorded, judged = list[float](), list[float]()
    for number in range(START + FRAMES):
        recorded.append(milliseconds(history.append, replace(last, step=number)))
        judged.append(milliseconds(engine.update, history))
    found = {
        "recording a frame": sum(recorded[START:]) / FRAMES,
        "all rules on a frame": sum(judged[START:]) / FRAMES,
        "a page that opens": min(milliseconds(updates.answer) for _ in range(3)),
        "a message to the page": min(message(monitor, updates, last) for _ in range(5)),
        "report()": min(milliseconds(monitor.report) for _ in range(3)),
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, write in (("to_svg()", monitor.to_svg), ("to_html()", monitor.to_html)):
            found[name] = min(milliseconds(write, Path(folder) / "run") for _ in range(3))
    return found


def message(monitor: GradMonitor, updates: Updates, frame: Frame) -> float:
    """Milliseconds for a message about one new frame."""
    newest = monitor.history.last
    assert newest is not None
    monitor.history.append(replace(frame, step=newest.step + 1))
    return milliseconds(updates.update)


def milliseconds(call: Callable[..., object], *args: object) -> float:
    """What a call takes. Of several the least is told: a busy machine only adds to it."""
    began = thread_time()
    call(*args)
    return 1e3 * (thread_time() - began)
