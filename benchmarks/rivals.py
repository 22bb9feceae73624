"""What is measured: nothing, gradwidget in three settings, and what people use today."""

# ruff: noqa: SLF001  # nobody but the bench has to switch a capture off and on
from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable
from typing import Any, Protocol

import torch

from benchmarks.workloads import Workload
from gradwidget.capture.hooks import torch_events
from gradwidget.monitor import GradMonitor
from gradwidget.widget import GradWidget


class Method(Protocol):
    """A way to watch gradients."""

    statistics: int
    """How many statistics it delivers per parameter or layer at a step that it samples."""

    def on(self) -> None:
        """The instrumented step is about to run."""

    def off(self, seconds: float) -> None:
        """A plain step has run in between and took this long."""

    def after_step(self) -> None:
        """The step has run; what is done here counts."""

    def elsewhere(self) -> float:
        """Processor seconds spent since the last call on threads other than the training one."""

    def close(self) -> None:
        """Removes it for good."""


class Nothing:
    """Two plain copies: the noise floor."""

    statistics = 0

    def __init__(self, workload: Workload) -> None:
        self.model = workload.model

    def on(self) -> None:
        """Has nothing to switch on."""

    def off(self, seconds: float) -> None:
        """Has nothing to switch off."""

    def after_step(self) -> None:
        """Does nothing."""

    def elsewhere(self) -> float:
        """Has no other thread."""
        return 0.0

    def close(self) -> None:
        """Has nothing to switch off."""


class Monitored(Nothing):
    """A GradMonitor, detached from torch while the plain copy runs, which it must not see."""

    def __init__(self, workload: Workload, **options: Any) -> None:  # noqa: ANN401  # keywords of GradMonitor
        super().__init__(workload)
        self.monitor = GradMonitor(workload.model, **options)
        capture = self.monitor._session.capture
        assert capture is not None
        self.capture = capture

    def on(self) -> None:
        """Listens again."""
        torch_events.attach(self.capture)
        self.capture.cycle.listen()

    def off(self, seconds: float) -> None:
        """Hears nothing of the plain step, and does not take its time for training time."""
        torch_events.detach(self.capture)
        self.capture.cycle.forward.listen(None)
        self.capture.cycle.was_paused(seconds)

    def after_step(self) -> None:
        """Counts what the last frame holds."""
        last = self.monitor.history.last
        self.statistics = 0 if last is None else len(last.metrics)

    def close(self) -> None:
        """Closes the monitor."""
        self.on()
        self.monitor.close()


class Displayed(Monitored):
    """A widget on the monitor: the thread that draws costs too, and what it costs is added."""

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload)
        self._drawn = 0.0
        charge = self.monitor._session.charge

        def noted(seconds: float) -> None:
            self._drawn += seconds
            charge(seconds)

        self.monitor._session.charge = noted  # type: ignore[method-assign]  # the one place where all drawing is reported
        self.widget = GradWidget(self.monitor)

    def elsewhere(self) -> float:
        """Processor seconds of the drawing thread."""
        drawn, self._drawn = self._drawn, 0.0
        return drawn

    def close(self) -> None:
        """Closes the widget as well."""
        super().close()
        self.widget.close()


class ReadOnce(Nothing):
    """The limit: one pass over all gradients, one result."""

    statistics = 1

    def after_step(self) -> None:
        """Reads."""
        gradients = [one.grad for one in self.model.parameters() if one.grad is not None]
        torch.nn.utils.get_total_norm(gradients).numpy()


class PlotGradFlow(Nothing):
    """The loop that everybody copies, without its drawing: mean and largest |g| per parameter."""

    statistics = 2

    def after_step(self) -> None:
        """Reads one parameter after the other."""
        means, peaks = [], []
        for name, one in self.model.named_parameters():
            if one.requires_grad and "bias" not in name and one.grad is not None:
                means.append(one.grad.abs().mean().item())
                peaks.append(one.grad.abs().max().item())


class TensorBoard(Nothing):
    """A histogram of every weight and gradient at every step."""

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload)
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415  # optional

        self.writer: Any = SummaryWriter(tempfile.mkdtemp())
        self.number = 0

    def after_step(self) -> None:
        """Writes them."""
        self.number += 1
        for name, one in self.model.named_parameters():
            self.writer.add_histogram(name, one, self.number)
            self.writer.add_histogram(f"{name}.grad", one.grad, self.number)

    def close(self) -> None:
        """Closes the file."""
        self.writer.close()


class WandbWatch(Nothing):
    """``wandb.watch(log="all", log_freq=1)`` with a log per step, offline."""

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload)
        import wandb  # noqa: PLC0415  # optional

        settings = wandb.Settings(silent=True, console="off", x_disable_stats=True)
        self.run: Any = wandb.init(
            mode="offline", dir=tempfile.mkdtemp(), settings=settings, reinit="finish_previous"
        )
        self.run.watch(workload.model, log="all", log_freq=1)

    def after_step(self) -> None:
        """Logs."""
        self.run.log({"loss": 0.0})

    def close(self) -> None:
        """Ends the run."""
        self.run.finish()


def methods() -> dict[str, Callable[[Workload], Method]]:
    """Every row of the table, by name."""
    rows: dict[str, Callable[[Workload], Method]] = {
        "noise floor": Nothing,
        "default budget": Monitored,
        "default budget, with the widget": Displayed,
        "all, every step": lambda workload: Monitored(workload, budget=None),
        "all but activations, every step": lambda workload: Monitored(
            workload, budget=None, activations=False
        ),
        "limit: read gradients once": ReadOnce,
        "plot_grad_flow, not drawn": PlotGradFlow,
    }
    if importlib.util.find_spec("tensorboard"):
        rows["TensorBoard histograms"] = TensorBoard
    if importlib.util.find_spec("wandb"):
        rows["wandb.watch(all, 1)"] = WandbWatch
    return rows
