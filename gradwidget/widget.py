"""GradWidget: a monitor plus its picture in a notebook."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import anywidget
import bqplot
import traitlets
from ipywidgets import widget_serialization

from gradwidget.monitor import GradMonitor, LayerFilter
from gradwidget.problem import Problem
from gradwidget.view.bridge import Bridge
from gradwidget.view.channel import Channel
from gradwidget.view.charts import bar_figure
from gradwidget.view.messages import ToPage
from gradwidget.view.ticker import Ticker

if TYPE_CHECKING:
    from types import TracebackType

    from torch import nn
    from torch.optim import Optimizer

    from gradwidget.diagnose.finding import Finding
    from gradwidget.record.history import History

STATIC = Path(__file__).parent / "static"

VIEW_SHARE = 0.4
"""Share of the budget that ticks of the picture may use; the rest is for measuring."""


class GradWidget(anywidget.AnyWidget):
    """Shows, live in a notebook, how gradients flow through every layer of a model while it trains.

    Display it, then run the training loop as it is: optimizer, loss and layer order are found by themselves.
    The model is held weakly; a second widget on the same model replaces the first.

    Args:
        source: any ``nn.Module`` with parameters, or a ``GradMonitor`` that already watches one.
        optimizer: as for ``GradMonitor``; like all further arguments only where ``source`` is a module.
        layers: which layers to watch.
        budget: share of a step's time that gradwidget may cost, the picture included.
        activations: also measure activations and activation gradients.
        start_step: number of the first step seen, for a resumed run.

    Raises:
        TypeError: ``source`` is neither a module nor a monitor.
        ValueError: as ``GradMonitor`` raises it.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(2, 1)
        >>> widget = GradWidget(model)  # in a notebook: display(widget)
        >>> widget.findings
        []
        >>> widget.close()
    """

    _esm = STATIC / "widget.js"
    _css = STATIC / "widget.css"

    _figure = traitlets.Instance(bqplot.Figure).tag(sync=True, **widget_serialization)
    _model_class = traitlets.Unicode().tag(sync=True)
    _channel = traitlets.Unicode().tag(sync=True)

    _ticker: Ticker | None = None

    def __init__(
        self,
        source: nn.Module | GradMonitor,
        optimizer: Optimizer | None = None,
        *,
        layers: LayerFilter = None,
        budget: float | None = 0.01,
        activations: bool = True,
        start_step: int = 0,
    ) -> None:
        if isinstance(source, GradMonitor):
            monitor, name = source, source.model_class
        else:
            monitor = GradMonitor(
                source,
                optimizer,
                layers=layers,
                budget=budget,
                activations=activations,
                start_step=start_step,
            )
            name = type(source).__name__
        super().__init__(_figure=bar_figure(), _model_class=name, _channel=uuid4().hex)
        self.monitor = monitor
        self._view_problems: list[Problem] = []
        self._bridge = Bridge(monitor, name, self._view_problems)
        self._sending = threading.Lock()
        self._urgent = Channel(self._channel, self._receive)
        self.on_msg(lambda _widget, content, _buffers: self._receive(content))
        self._ticker = Ticker(
            self._tick,
            alive=lambda: not monitor.closed,
            charge=monitor.charge,
            share=None if monitor.budget is None else monitor.budget * VIEW_SHARE,
        )
        monitor.on_frame.append(self._ticker.wake)

    @property
    def history(self) -> History:
        """Everything measured so far."""
        return self.monitor.history

    @property
    def findings(self) -> list[Finding]:
        """What is wrong: active findings first, the most severe and earliest leading; resolved ones after."""
        return self.monitor.findings

    def log(self, **scalars: object) -> None:
        """Adds figures of your own to the current step, such as ``log(val_loss=0.3)``; see ``GradMonitor.log``."""
        self.monitor.log(**scalars)

    def report(self) -> str:
        """The state of every layer and all findings as a text table of at most 100 columns."""
        return self.monitor.report()

    def close(self) -> None:
        """Stops watching and removes every hook. The picture stays as it is, and so does what was recorded."""
        if self._ticker is None:
            return  # the constructor raised, and ipywidgets closes whatever is collected
        self.monitor.close()
        if self._ticker.wake in self.monitor.on_frame:
            self.monitor.on_frame.remove(self._ticker.wake)
        self._ticker.close()

    def __enter__(self) -> GradWidget:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _tick(self) -> None:
        try:
            with self._sending:
                self._post(*self._bridge.update())
        except Exception as error:  # noqa: BLE001 - whatever fails in drawing must not end the thread or the loop
            self._contain("drawing what is new", error)

    def _receive(self, message: Mapping[str, object]) -> None:
        try:
            if message.get("kind") == "hello":
                with self._sending:
                    self._post(*self._bridge.snapshot())
        except Exception as error:  # noqa: BLE001 - a page's message must not raise in the kernel
            self._contain("answering the page", error)

    def _post(self, message: ToPage, data: bytes) -> None:
        content: Any = message
        self.send(content, [data])

    def _contain(self, where: str, error: Exception) -> None:
        if any(problem.where == where for problem in self._view_problems):
            return
        last = self.monitor.history.last
        problem = Problem(
            where,
            f"{where} failed: {error}. Training and measuring go on; the picture may be incomplete.",
            "".join(traceback.format_exception(error)),
            0 if last is None else last.step,
        )
        self._view_problems.append(problem)
