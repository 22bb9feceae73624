"""GradWidget: a monitor plus its picture in a notebook."""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import anywidget
import bqplot
import numpy as np
import traitlets
from ipywidgets import widget_serialization

from gradwidget.diagnose.thresholds import DEFAULT, Thresholds
from gradwidget.monitor import GradMonitor
from gradwidget.problem import Problem
from gradwidget.record.history import LOOK_BACK
from gradwidget.run.playback import RECORDED, Playback
from gradwidget.run.run import Run, open_run
from gradwidget.session import LayerFilter
from gradwidget.view.bqplot_figure import bqplot_figure
from gradwidget.view.export.write import write_page, write_png, write_svg
from gradwidget.view.kernel.forked import is_forked
from gradwidget.view.kernel.idle import when_idle
from gradwidget.view.kernel.page_comm import PageComm
from gradwidget.view.kernel.page_while_busy import page_while_busy
from gradwidget.view.kernel.restore import restorer
from gradwidget.view.kernel.server import lacking
from gradwidget.view.kernel.widget_registry import hold_weakly
from gradwidget.view.notebook.display import NotebookDisplay
from gradwidget.view.notebook.paused_line import PausedLine
from gradwidget.view.notebook.static_html import static_html
from gradwidget.view.protocol.messages import ToPage
from gradwidget.view.protocol.sendable import sendable
from gradwidget.view.protocol.to_messages import inspection_info
from gradwidget.view.requests import Requests
from gradwidget.view.ticker import Ticker
from gradwidget.view.updates import Updates
from gradwidget.view.watched import Watched
from gradwidget.wording import visible

if TYPE_CHECKING:
    from types import TracebackType

    from torch import Tensor, nn
    from torch.optim import Optimizer

    from gradwidget.capture.steps.pause_point import Batch
    from gradwidget.control.control import Change
    from gradwidget.control.reaction import OnFinding
    from gradwidget.diagnose.finding import Finding, Remedy
    from gradwidget.frame import Inspection
    from gradwidget.record.history import History
    from gradwidget.record.rank_log import Rank
    from gradwidget.report.sending import Logger

STATIC = Path(__file__).parent / "static"


def _source(name: str) -> str | Path:
    """A file of the front end, for anywidget: its text, or its path where that is to be watched.

    Of a path anywidget keeps every widget ever made, to tell it of a change.
    """
    path = STATIC / name
    return path if os.environ.get("ANYWIDGET_HMR") == "1" else path.read_text(encoding="utf-8")


VIEW_SHARE = 0.4
"""Share of the budget that ticks of the picture may use; the rest is for measuring."""


class GradWidget(anywidget.AnyWidget):
    """Shows, live in a notebook, how gradients flow through every layer of a model while it trains.

    Display it, then run the training loop as it is: optimizer, loss and layer order are detected
    automatically. The model is held weakly; a second widget on the same model replaces the first.

    Args:
        source: any ``nn.Module`` with parameters, a ``GradMonitor`` that already watches one, or a
            recorded run: its path, such as ``"run.gw"``, or what ``open_run`` gave. A run that is
            still being written is followed.
        optimizer: as for ``GradMonitor``; like all further arguments only where ``source`` is a
            module.
        layers: which layers to watch.
        budget: share of a step's time that gradwidget may cost, the picture included.
        activations: also measure activations and activation gradients.
        on_finding: what to do when a finding opens, as for ``GradMonitor``; also ``"pause"``, which
            pauses the loop at the end of that step until somebody resumes. Applies to a monitor
            too, unless None.
        start_step: number of the first step seen, for a resumed run.
        thresholds: bounds to judge by, as for ``GradMonitor``; the picture draws them too.
        run_file: where to record the run, as for ``GradMonitor``.

    Raises:
        TypeError: ``source`` is neither a module nor a monitor nor a run.
        ValueError: as ``GradMonitor`` raises it; a ``RunFileError`` where a file is no run.
        OSError: a file cannot be read.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(2, 1)
        >>> widget = GradWidget(model)  # in a notebook: display(widget)
        >>> widget.findings
        []
        >>> widget.close()
    """

    _esm = _source("widget.js")
    _css = _source("widget.css")

    _figure = traitlets.Instance(bqplot.Figure).tag(sync=True, **widget_serialization)
    _model_class = traitlets.Unicode().tag(sync=True)
    _comm_id = traitlets.Unicode().tag(sync=True)

    _ticker: Ticker | None = None

    def __init__(
        self,
        source: nn.Module | GradMonitor | Run | str | os.PathLike[str],
        optimizer: Optimizer | None = None,
        *,
        layers: LayerFilter = None,
        budget: float | None = 0.01,
        activations: bool = True,
        on_finding: OnFinding = None,
        start_step: int = 0,
        thresholds: Thresholds = DEFAULT,
        run_file: str | os.PathLike[str] | None = None,
    ) -> None:
        monitor: GradMonitor | None = None
        if isinstance(source, Run | str | os.PathLike):
            session: Watched = Playback(source if isinstance(source, Run) else open_run(source))
        else:
            monitor = (
                source
                if isinstance(source, GradMonitor)
                else GradMonitor(
                    source,
                    optimizer,
                    layers=layers,
                    budget=budget,
                    activations=activations,
                    start_step=start_step,
                    thresholds=thresholds,
                    run_file=run_file,
                )
            )
            session = monitor._session  # noqa: SLF001 - the widget is this monitor with its picture
        if on_finding is not None:
            session.respond(on_finding, resumable=True)
        super().__init__(
            _figure=bqplot_figure(),
            _model_class=visible(session.model_class),
            _comm_id=uuid4().hex,
        )
        self._monitor = monitor
        self._session = session
        self._view_problems: list[Problem] = []
        self._lacking = ""  # what to install for a picture, until a page shows it
        self._updates = Updates(session, session.model_class, self._view_problems)
        self._sending = threading.Lock()
        self._closing = threading.RLock()
        self._is_over = False
        self._display = NotebookDisplay(
            self._static_content,
            version=lambda: (
                session.history.version,
                len(session.problems),
                session.awaits,
                self._lacking,
            ),
            contain=self._contain,
        )
        self._paused_line = PausedLine(session.model_class)
        self._requests = Requests(session, self._post_small, when_idle)
        self._page_comm = PageComm(self._comm_id, self._receive)
        self.on_msg(lambda _widget, content, _buffers: self._receive(content))
        self._ticker = Ticker(
            self._tick,
            alive=lambda: not session.closed,
            behind=lambda: session.poll() or self._updates.is_behind,
            # A recorded run that is over stays with its page, as any widget does.
            ended=(lambda: None) if monitor is None else self.close,
            charge=session.charge,
            share=None if session.budget is None else session.budget * VIEW_SHARE,
        )
        session.on_frame.append(self._ticker.wake)
        session.on_end.append(self._ticker.wake)
        session.on_control.append(self._show_control)
        session.on_inspection.append(self._show_inspection)
        session.control.gate.resumers.expect_page(*page_while_busy())
        self._restorer = restorer()
        if self._restorer is not None:
            self._restorer.join(self._contain)

    @property
    def monitor(self) -> GradMonitor:
        """The monitor that is shown.

        Raises:
            ValueError: a recorded run is shown.
        """
        if self._monitor is None:
            raise ValueError(RECORDED)
        return self._monitor

    @property
    def history(self) -> History:
        """Everything measured so far."""
        return self._session.history

    @property
    def ranks(self) -> list[Rank]:
        """The processes that watch the same model, as ``GradMonitor.ranks`` gives them."""
        return list(self._session.processes.ranks)

    @property
    def findings(self) -> list[Finding]:
        """What is wrong.

        Active findings come first, the most severe and earliest leading; resolved ones after.
        """
        return self._session.findings

    def log(self, **scalars: object) -> None:
        """Adds scalars of your own to the current step, as ``GradMonitor.log`` does."""
        self._session.log(**scalars)

    def step_begins(self, lr: float | Tensor | None = None) -> None:
        """Announces that the weights will now be changed, as ``GradMonitor.step_begins`` does."""
        self.monitor.step_begins(lr)

    def step_ended(self) -> None:
        """Announces that the weights have been changed, as ``GradMonitor.step_ended`` does."""
        self.monitor.step_ended()

    def scalars(self, *, layers: bool = False) -> dict[str, float]:
        """The newest statistics and what is wrong, as ``GradMonitor.scalars`` gives them."""
        return self.monitor.scalars(layers=layers)

    def send_to(self, logger: Logger, *, layers: bool = False) -> None:
        """Hands statistics and findings to a logger, as ``GradMonitor.send_to`` does."""
        self.monitor.send_to(logger, layers=layers)

    def pause(self) -> None:
        """Pauses the training loop at the end of the step that is running, before the next forward.

        While paused it uses no processor; the picture stays live, and an interrupt ends the cell as
        usual. From a console on a subshell of the kernel (in JupyterLab: New Subshell Console for
        Notebook) everything can be read.
        """
        self._session.control.pause()

    def resume(self) -> None:
        """Resumes the loop."""
        self._session.control.resume()

    def step(self, n: int = 1) -> None:
        """Runs ``n`` optimizer steps, then pauses the loop.

        Raises:
            ValueError: ``n`` is below 1.
        """
        self._session.control.step(n)

    def apply(self, remedy: Remedy) -> str:
        """Applies a finding's remedy: at once while paused, else at the next pause point.

        It lasts until it is undone or the widget closes.

        Returns:
            What was done, or that it is pending.

        Raises:
            ValueError: it cannot be applied; says why.
        """
        return self._session.control.apply(remedy)

    def undo(self, number: int | None = None) -> str:
        """Takes back a change, the latest in force if none is named; ``changes`` has their numbers.

        Raises:
            ValueError: there is no such change in force.
        """
        return self._session.control.undo(number)

    @property
    def changes(self) -> tuple[Change, ...]:
        """Every remedy that was applied, and whether it is still in force."""
        return self._session.control.changes

    @property
    def batch(self) -> Batch | None:
        """While paused: what the model was last called with in the step shown.

        ``batch.args`` and ``batch.kwargs``; None where its forward was over when it was asked for:
        ``step()`` runs one that is seen. With ``on_finding="pause"`` every one is.
        """
        return self._session.batch

    def report(self, *, full: bool = False) -> str:
        """What is wrong and what helps as text, as ``GradMonitor.report`` gives it."""
        return self._session.report(full=full)

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Writes the run so far as one page, as ``GradMonitor.to_html`` does."""
        write_page(path, self._session, self._session.model_class, self._session.control.changes)

    def to_svg(self, path: str | os.PathLike[str]) -> None:
        """Writes the last state as an image, as ``GradMonitor.to_svg`` does."""
        write_svg(path, self._session, self._session.model_class)

    def to_png(self, path: str | os.PathLike[str]) -> None:
        """Writes the last state as a PNG image, as ``GradMonitor.to_png`` does."""
        write_png(path, self._session, self._session.model_class)

    def close(self) -> None:
        """Stops watching and removes every hook.

        The picture stays as it is, and so does what was recorded, as long as the widget is held.
        A widget whose model no longer exists closes by itself.
        """
        if self._ticker is None:
            return  # the constructor raised, and ipywidgets closes what is collected
        self._session.close()
        self._ticker.close()
        with self._closing:
            if self._is_over:
                return
            self._is_over = True
            _drop(self._session.on_frame, self._ticker.wake)
            _drop(self._session.on_end, self._ticker.wake)
            _drop(self._session.on_control, self._show_control)
            _drop(self._session.on_inspection, self._show_inspection)
            self._display.close()
            if self._restorer is not None:
                self._restorer.leave(self._contain)
            self._show_control()
            hold_weakly(self, self._figure)

    def __repr__(self) -> str:
        return f"<GradWidget of {self._model_class}: {self.report().splitlines()[0]}>"

    def __str__(self) -> str:
        # Outside a notebook display() prints: the last state as a text table.
        return self.report()

    def _ipython_display_(self) -> None:
        bundle, metadata = self._repr_mimebundle_() or ({}, {})
        self._lacking = lacking()
        # Shown where a page knows no widgets; it does not change when the run goes on.
        text = self._lacking or f"gradwidget: no live picture of {self._model_class} here."
        self._display.show({**bundle, "text/plain": text}, metadata)

    def _static_content(self) -> dict[str, str]:
        with self._session.lock, np.errstate(all="ignore"):
            problems = [*self._session.problems, *self._view_problems]
            html = static_html(
                self._session.model_class,
                self.history,
                self.findings,
                problems,
                window=self._session.thresholds.window,
                awaits=self._session.awaits,
                widget=self._comm_id,
                notice=self._lacking,
            )
        return {"text/html": html, "text/plain": self.report()}

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
                self._post(*self._updates.update())
            self._display.refresh()
        except Exception as error:  # noqa: BLE001 - whatever fails in drawing must not end the thread or the loop
            self._contain("drawing what is new", error)

    def _receive(self, message: object) -> None:
        if not isinstance(message, Mapping):
            return  # from a page, which may send anything
        self._session.control.gate.resumers.page_answers()
        try:
            if message.get("kind") == "hello":
                self._lacking = ""
                with self._sending:
                    self._post(*self._updates.answer())
                self._show_control()
            else:
                self._requests.receive(message)
        except Exception as error:  # noqa: BLE001 - a page's message must not raise in the kernel
            self._contain("answering the page", error)

    def _show_control(self) -> None:
        # At once, past the ticker: a reader waits for a button to act.
        self._post_small(self._requests.state)
        try:
            self._paused_line.follow(self._session.control.gate)
        except Exception as error:  # noqa: BLE001 - as in what sends a small message
            self._contain("telling that the loop is paused", error)

    def _show_inspection(self, inspection: Inspection) -> None:
        with self._session.lock:
            frames = self.history.recent_frames(LOOK_BACK)
        self._post_small(inspection_info(inspection, frames))

    def _post_small(self, message: ToPage) -> None:
        try:
            self._post(message)
        except Exception as error:  # noqa: BLE001 - called on the training thread, which it must not disturb
            self._contain("showing the state of the loop", error)

    def _post(self, message: ToPage, data: bytes | None = None) -> None:
        if is_forked():
            return  # to no page; each message would be a line in the server's terminal
        self.send(sendable(message), [] if data is None else [data])

    def _contain(self, where: str, error: Exception) -> None:
        if any(problem.where == where for problem in self._view_problems):
            return
        last = self.history.last
        problem = Problem(
            where,
            f"{where} failed: {error}. Training and measuring go on; "
            "the picture may be incomplete.",
            "".join(traceback.format_exception(error)),
            0 if last is None else last.step,
        )
        self._view_problems.append(problem)


def _drop(callbacks: list[Any], callback: object) -> None:
    """Removes a callback, if it is there: an interrupt may have come in the middle of this."""
    callbacks[:] = [one for one in callbacks if one != callback]
