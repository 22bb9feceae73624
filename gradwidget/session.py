"""One model under watch: capture, history, diagnosis and control of its loop, wired together.

A monitor shows of it what a user needs; a widget has its picture read the rest.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec
from weakref import finalize, ref

import numpy as np

from gradwidget.capture.attached import attach, detach
from gradwidget.capture.capture import Capture
from gradwidget.capture.capture_handle import NOT_WATCHED, CaptureHandle
from gradwidget.capture.collect.logged import MOST_LOGGED, TOO_MANY, recordable
from gradwidget.capture.ended_capture import Ended
from gradwidget.control.control import Control
from gradwidget.control.reaction import OnFinding, Reaction
from gradwidget.diagnose.engine import Engine
from gradwidget.diagnose.thresholds import DEFAULT, Thresholds
from gradwidget.record.history import History
from gradwidget.record.lock import free_when_forked
from gradwidget.record.new_losses import NewLosses
from gradwidget.record.rank_log import RankLog
from gradwidget.record.start_step import checked_start
from gradwidget.report.processes import Processes
from gradwidget.report.scalars import scalars
from gradwidget.report.sending import Logger, Sending
from gradwidget.report.text import report
from gradwidget.run.news import News
from gradwidget.weak_references import weakly

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

    from gradwidget.capture.steps.pause_point import Batch
    from gradwidget.control.commands import Answer
    from gradwidget.control.reaction import Response
    from gradwidget.diagnose.finding import Finding, Severity
    from gradwidget.frame import Frame, Inspection, Layer
    from gradwidget.problem import Problem
    from gradwidget.record.overview import Overview
    from gradwidget.run.recorder import Recorder

P = ParamSpec("P")

LayerFilter = str | Sequence[str] | Callable[[str, "nn.Module"], bool] | None

LOGGING = "logging"
RECORDING = "recording the run"


class Session:
    """Everything that belongs to watching one model.

    Arguments and errors are those of ``GradMonitor``. It holds the model weakly. Torch's hooks
    hold the capture, and the capture the gate, but neither holds the session: one that nobody
    holds any more stops listening.
    """

    def __init__(
        self,
        model: nn.Module,
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
        start_step = checked_start(start_step)
        recorded = None if run_file is None else Path(run_file)
        self.history = History()
        self.lock = threading.RLock()
        """Held while a frame is recorded and judged, and to read what belongs together."""
        free_when_forked(self)
        self.on_frame: list[Callable[[], None]] = []
        """Called on the training thread after each recorded frame; keep them quick."""
        self.on_end: list[Callable[[], None]] = []
        """Called once nothing is watched any more, on any thread and inside finalizers: they may
        not even take a lock."""
        self.on_control: list[Callable[[], None]] = []
        """Called on any thread when the loop was paused, resumed or changed; keep them quick."""
        self.on_inspection: list[Callable[[Inspection], None]] = []
        """Called on any thread with each layer that was inspected; keep them quick."""
        self.model_class = type(model).__name__
        """Class name of the model."""
        self.budget = budget
        """As given: share of a step's time that gradwidget may cost, or None."""

        held = CaptureHandle()
        self.control = Control(
            held.actuate, weakly(self._control_changed), held.inspect_now, weakly(self._refused)
        )
        """Pauses the loop between two steps, and changes it there."""
        self._reaction = Reaction(self.control, weakly(self._call))
        self._reaction.set(on_finding, resumable=False)
        self._new_losses = NewLosses()
        self.capture: Capture | None = Capture(
            model,
            optimizer,
            emit=weakly(self._record),
            layers=layers,
            budget=budget,
            activations=activations,
            start_step=start_step,
            gate=self.control.gate,
            losses=self._new_losses.waiting,
        )
        """What watches the loop; None once nothing is watched any more."""
        self._state: Capture | Ended = self.capture
        self._guard = self.capture.guard
        self._engine = Engine(thresholds, self._guard.run)
        held.hold(self.capture)
        self.capture.cycle.prompt = on_finding is not None
        self.capture.cycle.inspector.emit = weakly(self._inspected)
        self._inspections: dict[str, Inspection] = {}
        self._logged: set[str] = set()
        self._ranks = RankLog()
        self._recorder: Recorder | None = None
        if recorded is not None:
            self._start_recording(recorded, start_step)
        self._finalizer = finalize(self, _stop, self.control, held)
        self._model = ref(model)
        self._end_of_model = finalize(model, weakly(self._end))
        self._finalizer.atexit = self._end_of_model.atexit = False
        attach(model, self, is_kept=on_finding is not None)

    # ---------------------------------------------------------------- what there is to read

    @property
    def findings(self) -> list[Finding]:
        """What is wrong, as ``GradMonitor.findings`` gives it."""
        with self.lock:
            return self._engine.findings

    @property
    def thresholds(self) -> Thresholds:
        """The bounds that findings are judged by."""
        return self._engine.limits

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers watched, input first."""
        return self._state.layers

    @property
    def problems(self) -> list[Problem]:
        """Failures that were contained, in the order in which they first happened."""
        return list(self._guard.problems)

    @property
    def awaits(self) -> str:
        """What the first step waits for, in words; empty once it is over."""
        return self._state.awaits

    @property
    def overhead(self) -> float:
        """Share of the step time that gradwidget has lately cost; NaN before it is known."""
        return self._state.overhead

    @property
    def sampling_interval(self) -> float:
        """Steps per sampled step, lately."""
        return self._state.sampling_interval

    @property
    def processes(self) -> Processes:
        """Those that watch the same model, where there are several."""
        with self.lock:
            return Processes(self._state.standing, self._ranks.ranks)

    @property
    def closed(self) -> bool:
        """True once nothing is watched any more."""
        return self._state.closed

    @property
    def batch(self) -> Batch | None:
        """What the model was called with in the last step, while the loop is paused."""
        capture = self.capture  # another thread may close it meanwhile, here and below
        pause_point = None if capture is None else capture.pause_point
        return None if pause_point is None else pause_point.batch

    def report(self, *, full: bool) -> str:
        """What is wrong and what helps, as text; everything where ``full``."""
        with self.lock, np.errstate(all="ignore"):
            return report(
                self.history,
                self._engine.findings,
                self.problems,
                window=self.thresholds.window,
                awaits=self.awaits,
                full=full,
                processes=self.processes,
            )

    # ---------------------------------------------------------------- what may be asked of it

    @property
    def responses(self) -> Mapping[Severity, Response]:
        """What happens when a finding opens, by severity, where anything does."""
        return self._reaction.responses

    def respond(self, on_finding: OnFinding, *, resumable: bool) -> None:
        """Changes what happens when a finding opens.

        Args:
            on_finding: as for ``GradMonitor``, and ``"pause"``.
            resumable: whether somebody is there who can resume a paused loop.

        Raises:
            ValueError: ``"pause"`` where nobody could resume, or an unknown word.
            TypeError: neither a word nor a function.
        """
        self._reaction.set(on_finding, resumable=resumable)
        self.control.gate.resumers.asked()
        if (capture := self.capture) is not None:
            capture.cycle.prompt = bool(self._reaction.responses)
            pause_point = capture.pause_point
            if pause_point is not None and "pause" in self._reaction.responses.values():
                pause_point.watch_every_step()
        self._control_changed()

    def inspect(self, layer: str) -> Future[Answer] | str:
        """Inspects a layer for some seconds; ``on_inspection`` gets what is seen.

        It is done on the training thread: at the end of the next step, or immediately where the
        loop is paused.

        Args:
            layer: its name.

        Returns:
            When it is seen, in words; while the loop is paused, an answer still to come.

        Raises:
            ValueError: there is no such layer, or nothing is watched any more.
        """
        if (capture := self.capture) is None:
            raise ValueError(NOT_WATCHED)
        if all(known.name != layer for known in self.layers):
            message = f"no layer {layer!r} is watched"
            raise ValueError(message)
        if capture.cycle.inspector.ask(layer):
            return "Nothing is newer."
        if self.control.gate.state.mode == "paused":
            return self.control.inspect(layer)
        return "Inspected in the next step."

    def inspect_idle(self, layer: str) -> bool:
        """Inspects a layer immediately, on a thread that is certain to be idle.

        Returns:
            Whether it did: only on the thread that trained last, and not after ``close``.
        """
        capture = self.capture
        inspector = None if capture is None else capture.cycle.inspector
        if inspector is None or inspector.is_elsewhere():
            return False
        inspector.inspect_now(layer)
        return True

    def inspection(self, layer: str) -> Inspection | None:
        """What was last seen of a layer that was inspected; None where it never was."""
        return self._inspections.get(layer)

    def log(self, **scalars: object) -> None:
        """Adds scalars to the current step, as ``GradMonitor.log`` does."""
        capture = self.capture
        for name, value in scalars.items():
            found, remark = recordable(name, value)
            if name not in self._logged and len(self._logged) == MOST_LOGGED:
                self._guard.note(LOGGING, TOO_MANY)
                continue
            self._logged.add(name)
            if remark:
                self._guard.note(LOGGING, remark)
            if found is not None and capture is not None:
                capture.log(**{name: found})

    def step_begins(self, lr: object) -> None:
        """The weights are about to be changed, as ``GradMonitor.step_begins`` says it."""
        rate, remark = (None, "") if lr is None else recordable("lr", lr)
        if remark:
            self._guard.note(LOGGING, remark)
        if (capture := self.capture) is not None:
            capture.announced.begins(rate)

    def step_ended(self) -> None:
        """They have been changed."""
        if (capture := self.capture) is not None:
            capture.announced.ended()

    def scalars(self, *, layers: bool) -> dict[str, float]:
        """The newest statistics and what is wrong, as ``GradMonitor.scalars`` gives them."""
        with self.lock:
            return scalars(self.history, self._engine.findings, layers=layers)

    def send_to(self, logger: Logger, *, layers: bool) -> None:
        """Hands statistics and findings to a logger, as ``GradMonitor.send_to`` does."""
        sending, where = Sending(logger, layers=layers), f"sending to {type(logger).__name__}"
        # A client of the user's is as foreign as any code of theirs.
        send = weakly(self._send)
        self.on_frame.append(lambda: send(where, sending))

    def charge(self, seconds: float) -> None:
        """Counts time spent elsewhere on behalf of this session (drawing) against its budget."""
        if (capture := self.capture) is not None:
            capture.charge(seconds)

    def poll(self) -> bool:
        """Takes over the losses of steps that make no frame; whether there were any."""
        return self._take_losses()

    def close(self) -> None:
        """Removes every hook, resumes a paused loop, and ends what was applied.

        What was recorded stays. Closing twice does nothing.
        """
        self._finalizer()
        self._end_of_model.detach()
        self._end()
        if self._recorder is not None:
            self._recorder.close()
        model = self._model()
        if model is not None:
            detach(model, self)

    # ---------------------------------------------------------------- what its parts tell it

    def _end(self) -> None:
        """Releases all that is of the model's size: copies of weights, staged outputs."""
        if (capture := self.capture) is None:
            return
        capture.close()
        self._take_losses()
        if self._recorder is not None:
            self._recorder.end()
        self._state = Ended(
            capture.layers,
            capture.overhead,
            capture.sampling_interval,
            capture.awaits,
            capture.standing,
        )
        self.capture = None
        for notify in tuple(self.on_end):
            notify()

    def _record(self, frame: Frame) -> None:
        self._take_losses()
        # A user may have numpy raise where a number is rounded to 0 or is none.
        with self.lock, np.errstate(all="ignore"):
            self.history.append(frame)
            if "loss" in frame.scalars:
                self._add_losses([(frame.step, frame.scalars["loss"])])
            self._ranks.add(frame.step, frame.ranks)
            # Of several processes one judges, for all of them.
            if self._state.standing.judge is None:
                self._engine.update(self.history)
            findings = self._engine.findings
        if self._recorder is not None:
            self._guard.run(RECORDING, self._recorder.add, frame, findings)
        capture, wanted = self.capture, self._engine.wanted
        if capture is not None:
            capture.sample_more(series=wanted.series, watch=wanted.watch)
        self._reaction.opened(findings)
        self._tell("on_frame", self.on_frame)

    def _take_losses(self) -> bool:
        """Takes over what the steps have left that were over since; whether there was anything."""
        with self.lock, np.errstate(all="ignore"):
            # A user who logs a loss means that one, which is read in sampled steps alone.
            if (taken := self._new_losses.take()) and "loss" not in self._logged:
                self._add_losses(taken)
            return bool(taken)

    def _add_losses(self, new: Sequence[tuple[int, float]]) -> None:
        self.history.losses.extend(*zip(*new, strict=True))
        if self._recorder is not None:
            self._recorder.add_losses(new)

    def _start_recording(self, path: Path, start_step: int) -> None:
        # A script that records nothing loads no library of containers.
        from gradwidget.run.recorder import Recorder, run_data  # noqa: PLC0415  # see above

        try:
            self._recorder = Recorder(
                path,
                run_data(self.model_class, start_step, self.thresholds),
                news=weakly(self._news),
                stopped=weakly(self._recording_stopped),
                charge=weakly(self.charge),
                overview=weakly(self._overview),
            )
        except OSError as error:
            self._recording_stopped(f"Nothing is recorded: {path}: {error.strerror or error}")

    def _news(self) -> News:
        self._take_losses()
        return News(self.control.changes, self.problems, self.processes)

    def _overview(self, since: int) -> Overview | None:
        with self.lock:
            return self.history.overview(since)

    def _recording_stopped(self, why: str) -> None:
        self._guard.note(RECORDING, why)

    def _call(self, function: Callable[[Finding], object], finding: Finding) -> None:
        self._guard.ask("acting on a finding", function, finding)

    def _send(self, where: str, sending: Sending) -> None:
        with self.lock:
            findings = self._engine.findings
        self._guard.ask(where, sending.send, self.history, findings)

    def _inspected(self, inspection: Inspection) -> None:
        self._inspections[inspection.layer] = inspection
        self._tell("on_inspection", self.on_inspection, inspection)

    def _control_changed(self) -> None:
        self._tell("on_control", self.on_control)

    def _refused(self, reason: str) -> None:
        self._guard.note("pausing", reason)

    def _tell(
        self, name: str, callbacks: Sequence[Callable[P, object]], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        # Each on its own: one that fails silences itself only, and never reaches the loop.
        for callback in tuple(callbacks):
            where = f"calling {getattr(callback, '__qualname__', repr(callback))} of {name}"
            self._guard.run(where, callback, *args, **kwargs)


def _stop(control: Control, capture: CaptureHandle) -> None:
    control.close()
    capture.close()
