"""What lasts long, or is made many times: memory stays bounded."""

from __future__ import annotations

import gc
import threading
from contextlib import nullcontext
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from gradwidget import GradMonitor, GradWidget
from tests.torture.extra import Extra, extra
from tests.torture.reference.compare import resident

USUAL: dict[str, str] = {"model": "mlp", "loop": "plain", "optimizer": "sgd"}


class Spending(Extra):
    """Measures memory on its own terms."""

    alone: ClassVar[bool] = True
    usual: ClassVar[dict[str, str]] = USUAL
    spends_memory: ClassVar[bool] = True


def wait_for_views() -> None:
    """Waits until the threads that draw have noticed that nothing is left to draw."""
    for thread in threading.enumerate():
        if thread.name == "gradwidget-view":
            thread.join(10)


class Cells(Spending):
    """A cell of a notebook that is run again and again: model, monitor, some steps, close."""

    watches: ClassVar[tuple[str, ...]] = ("default",)
    again: ClassVar[int] = 7
    most: ClassVar[float] = 3.0
    """Mebibytes that each time may leave; the weights of the model take 3.4."""

    def watching(self, model: nn.Module) -> Any:
        """Whoever watches."""
        return GradMonitor(model)

    def watch(self, model: nn.Module) -> Any:
        """Whoever watches; nobody where the run itself is not watched."""
        return self.watching(model) if self.run.watch is not None else nullcontext()

    def leave(self, watching: Any) -> None:
        """The end of the cell."""
        watching.close()

    def begin(self) -> None:
        memory: list[float] = []
        for _ in range(self.again):
            model = nn.Sequential(*(nn.Linear(470, 470) for _ in range(4)), nn.Linear(470, 10))
            optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
            watching = self.watch(model)
            for _ in range(2):
                optimizer.zero_grad()
                model(torch.ones(16, 470)).square().mean().backward()
                optimizer.step()
            if self.run.watch is not None:
                self.leave(watching)
            del model, optimizer, watching
            gc.collect()
            wait_for_views()
            memory.append(resident())
        each = (memory[-1] - memory[2]) / (self.again - 3)
        if each > self.most:
            self.run.complaints.append(f"each time leaves {each:.1f} MiB: {memory}")


@extra
class MonitorCells(Cells):
    """A monitor that is closed."""


@extra
class DroppedMonitorCells(Cells):
    """A monitor that is dropped, not closed."""

    def leave(self, watching: Any) -> None:
        """Nothing is done."""


@extra
class KeptMonitorCells(Cells):
    """Monitors that are closed, and kept for what they have recorded: nearly two MiB each."""

    most: ClassVar[float] = 4.5

    def prepare(self) -> None:
        self.kept: list[Any] = []

    def leave(self, watching: Any) -> None:
        watching.close()
        self.kept.append(watching)


@extra
class WidgetCells(Cells):
    """Widgets that are closed; their library keeps each of them forever."""

    def watching(self, model: nn.Module) -> Any:
        return GradWidget(model)


@extra
class DroppedWidgetCells(WidgetCells):
    """Widgets whose model is gone, and that nobody has closed."""

    def leave(self, watching: Any) -> None:
        """Nothing is done."""


@extra
class FloodedInbox(Extra):
    """A page asks for tens of thousands of changes, and nothing trains."""

    alone: ClassVar[bool] = True
    usual: ClassVar[dict[str, str]] = USUAL
    watches: ClassVar[tuple[str, ...]] = ("widget",)

    def begin(self) -> None:
        watcher = self.run.watcher
        if watcher is None or watcher.widget is None:
            return
        gc.collect()
        before, objects = resident(), len(gc.get_objects())
        for number in range(20_000):
            watcher.widget._receive({"kind": "undo", "request": str(number), "number": 1})
        made = len(gc.get_objects()) - objects
        if made > 50_000 or resident() - before > 20:
            self.run.complaints.append(
                f"20,000 requests: {resident() - before:.0f} MiB, {made:,} objects more"
            )


@extra
class NewNames(Spending):
    """A new name is logged at each step, as with the step's number in it."""

    steps: ClassVar[int] = 100
    spends_memory: ClassVar[bool] = False
    breaks: ClassVar[bool] = True  # it may say that it has enough

    def before(self, step: int) -> None:
        if self.run.watcher is not None:
            for number in range(50):
                self.run.watcher.monitor.log(**{f"value {step} {number}": 1.0})


@extra
class LongRun(Spending):
    """Thousands of steps."""

    steps: ClassVar[int] = 900
    watches: ClassVar[tuple[str, ...]] = ("full",)
    has_all_frames: ClassVar[bool] = False
    has_figures: ClassVar[bool] = False
    has_bits: ClassVar[bool] = False

    def prepare(self) -> None:
        self._then = 0.0, 0

    def after(self, step: int) -> None:
        if self.run.watcher is not None:
            self.run.watcher.frames.clear()
        self.run.seen.clear()
        if step in (300, self.run.case.steps - 1):
            gc.collect()
            then, self._then = self._then, (resident(), len(gc.get_objects()))
            if step > 300 and self.run.watcher is not None:
                grown, more = self._then[0] - then[0], self._then[1] - then[1]
                if grown > 24 or more > 20_000:
                    self.run.complaints.append(f"{grown:.0f} MiB and {more} objects more")

    def end(self) -> None:
        if self.run.watcher is not None and (last := self.run.watcher.monitor.history.last):
            self.run.watcher.frames.append(last)


@extra
class EveryBatchSize(Extra):
    """Each batch has a size of its own."""

    steps: ClassVar[int] = 30

    def before(self, step: int) -> None:
        self.run.batch = 1 + step

    def end(self) -> None:
        self.run.batch = self.run.case.batch


@extra
class LargeOutputs(Extra):
    """A large batch."""

    def prepare(self) -> None:
        self.run.batch = 2000


class Scale(nn.Module):
    """A layer of one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class Beside(nn.Module):
    """A model with very many small layers behind it."""

    def __init__(self, body: nn.Module, count: int) -> None:
        super().__init__()
        self.body = body
        self.many = nn.ModuleList(Scale() for _ in range(count))

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.body(x)
        for one in self.many:
            output = one(output)
        return output


@extra
class TenThousandLayers(Spending):
    """More layers than any page can show."""

    steps: ClassVar[int] = 3
    has_figures: ClassVar[bool] = False
    watches: ClassVar[tuple[str, ...]] = ("default",)
    most: ClassVar[float] = 300.0

    def rebuild(self, model: nn.Module) -> nn.Module:
        return Beside(model, 10_001)

    def begin(self) -> None:
        gc.collect()
        self._before = resident()

    def end(self) -> None:
        grown = resident() - self._before
        if self.run.watcher is not None and grown > self.most:
            self.run.complaints.append(f"{grown:.0f} MiB for three steps of 10,001 layers")
