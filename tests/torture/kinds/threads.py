"""Something else happens in another thread of the process meanwhile."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import ClassVar

import torch
from torch import Generator, nn

from gradwidget import GradMonitor
from tests.torture.extra import Extra, extra
from tests.torture.state import text

OFTEN = 1e-5
"""Seconds after which threads take turns, so that races show."""


class Meanwhile(Extra):
    """Does something again and again in a second thread, from the first step to the last."""

    steps: ClassVar[int] = 40
    without: ClassVar[tuple[str, ...]] = ("forked_child", "forked_while_pausing", "remedies")

    def prepare(self) -> None:
        self._interval = sys.getswitchinterval()
        self.errors: list[str] = []
        self._stop = threading.Event()
        self._has_begun = threading.Event()

    def begin(self) -> None:
        self.make()
        sys.setswitchinterval(OFTEN)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        self._has_begun.wait(5)

    def make(self) -> None:
        """Makes what is needed, in the thread of the loop."""

    def once(self) -> None:
        """What is done again and again."""
        raise NotImplementedError

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                self.once()
            except BaseException as error:  # noqa: BLE001  # whatever a user would have met
                self.errors.append(f"{type(error).__name__}: {error}")
            self._has_begun.set()

    def end(self) -> None:
        self._stop.set()
        self._thread.join(10)
        sys.setswitchinterval(self._interval)

    def complaints(self) -> Iterator[str]:
        if self.errors:
            yield f"{len(self.errors)} times in the other thread: {self.errors[0][:300]}"


def network(width: int = 16) -> nn.Module:
    """A small network that draws no random numbers once it is made."""
    return nn.Sequential(
        nn.Linear(6, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1)
    )


class Training(Meanwhile):
    """Another model is trained in the second thread."""

    LOSS: ClassVar[float] = 1000.0

    def make(self) -> None:
        self.model = network()
        self.first = {name: one.clone() for name, one in self.model.state_dict().items()}
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1e-4)
        self.data = Generator().manual_seed(1)
        self.done = 0

    def once(self) -> None:
        self.optimizer.zero_grad()
        kind = self.first["0.weight"].dtype  # the default type may be another one by now
        x = torch.randn(4, 6, generator=self.data, dtype=kind)
        (self.model(x).square().mean() + self.LOSS).backward()
        self.optimizer.step()
        self.done += 1

    def complaints(self) -> Iterator[str]:
        yield from super().complaints()
        trained, done = self.model.state_dict(), self.done
        self.model.load_state_dict(self.first)
        self.data.manual_seed(1)
        trained = {name: one.clone() for name, one in trained.items()}
        if self.errors:
            return
        known = {name: text(one) for name, one in self.trained.items()}
        for _ in range(done):
            self.once()
        if known != {name: text(one) for name, one in self.model.state_dict().items()}:
            yield "the other model has other weights than it has alone"

    def end(self) -> None:
        super().end()
        self.trained = {name: one.clone() for name, one in self.model.state_dict().items()}


@extra
class OtherTraining(Training):
    """A model that nobody watches is trained in another thread."""


@extra
class OtherWatched(Training):
    """A model with a monitor of its own is trained in another thread."""

    def make(self) -> None:
        super().make()
        self.monitor = GradMonitor(self.model, budget=None) if self.run.watch else None

    def end(self) -> None:
        super().end()
        if self.monitor is not None:
            losses = self.monitor.history.scalars.get("loss")
            wrong = [] if losses is None else losses[abs(losses - self.LOSS) > 100].tolist()
            if wrong:
                self.run.complaints.append(f"the other monitor has losses of {wrong[:3]}")
            self.run.complaints += [
                f"the other monitor: {problem.where}: {problem.traceback[-200:]}"
                for problem in self.monitor.problems
            ]
            self.monitor.close()


@extra
class OtherBackward(Meanwhile):
    """Backward passes alone run in another thread, without an optimizer."""

    def make(self) -> None:
        self.weight = torch.ones(5, 5, requires_grad=True)

    def once(self) -> None:
        (self.weight @ self.weight).sum().backward()
        self.weight.grad = None


@extra
class OtherGradients(Meanwhile):
    """``autograd.grad`` is called in another thread."""

    def make(self) -> None:
        self.weight = torch.ones(5, 5, requires_grad=True)

    def once(self) -> None:
        torch.autograd.grad((self.weight @ self.weight).sum(), [self.weight])


@extra
class OtherInference(Meanwhile):
    """The watched model itself is evaluated in another thread, as for a preview."""

    without: ClassVar[tuple[str, ...]] = (
        *Meanwhile.without,
        *("stateful", "hooks", "layers", "features", "faults", "dropped", "callbacks", "memory"),
        *("convolutional", "values"),
        "attention",  # whose dropout draws from the generator of the training
    )

    def make(self) -> None:
        self.data = Generator().manual_seed(2)

    def once(self) -> None:
        inputs = self.run.source.inputs(3, self.data)
        with torch.no_grad():
            _ = self.run.model(**inputs) if isinstance(inputs, dict) else self.run.model(inputs)


@extra
class OtherForward(Meanwhile):
    """Forwards of another model run in another thread, and nothing else."""

    def make(self) -> None:
        self.model = network()

    def once(self) -> None:
        self.model(torch.ones(3, 6))


@extra
class OtherReader(Meanwhile):
    """Everything that a monitor can be asked for is asked for in another thread."""

    without: ClassVar[tuple[str, ...]] = (*Meanwhile.without, "dropped")

    def once(self) -> None:
        watcher = self.run.watcher
        if watcher is not None:
            monitor = watcher.monitor
            monitor.report()
            _ = monitor.findings, monitor.problems, monitor.overhead, monitor.layers
            with watcher.session.lock:
                if "grad_rms" in monitor.history:
                    _ = monitor.history["grad_rms"], monitor.history.scalars


@extra
class OtherAttaches(Meanwhile):
    """Monitors of other models come and go in another thread."""

    def make(self) -> None:
        self.model = network(2)

    def once(self) -> None:
        if self.run.watch is not None:
            GradMonitor(self.model).close()


@extra
class OtherInspects(Meanwhile):
    """Layers are inspected and values logged from another thread."""

    without: ClassVar[tuple[str, ...]] = (*Meanwhile.without, "dropped", "on_finding_closes")

    def once(self) -> None:
        watcher = self.run.watcher
        if watcher is not None and not watcher.monitor.closed:
            for layer in watcher.monitor.layers:
                with suppress(ValueError):  # it has been closed, or the layer is gone
                    watcher.monitor.inspect(layer.name)
            watcher.monitor.log(other=1.0)


@extra
class OtherThreadOfLoop(Meanwhile):
    """The other thread trains a twin of the watched model, made of the same parameters' copies."""

    has_figures: ClassVar[bool] = True

    def make(self) -> None:
        self.model = network(8)
        self.optimizers = [torch.optim.Adam(self.model.parameters(), lr=1e-3)]

    def once(self) -> None:
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        loss = self.model(torch.ones(2, 6)).sum()
        parameters = list(self.model.parameters())
        taken = torch.autograd.grad(loss, parameters, create_graph=True)
        sum(one.square().sum() for one in taken).backward()  # type: ignore[union-attr]  # never empty
        self.optimizers[0].step()
