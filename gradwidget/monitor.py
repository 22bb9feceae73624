"""GradMonitor: wires capture → record → diagnose. Headless; a widget is a monitor plus its view."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ParamSpec
from weakref import WeakKeyDictionary, finalize, ref

from gradwidget.capture.capture import Capture
from gradwidget.control.control import Control
from gradwidget.control.gate import Gate
from gradwidget.control.reaction import OnFinding, Reaction
from gradwidget.diagnose.engine import Engine
from gradwidget.record.history import History
from gradwidget.report.text import report
from gradwidget.weak import weakly

if TYPE_CHECKING:
    from types import TracebackType

    from torch import nn
    from torch.optim import Optimizer

    from gradwidget.action import Action, Applied
    from gradwidget.capture.steps.pause_point import Batch
    from gradwidget.control.reaction import Response
    from gradwidget.diagnose.finding import Finding, Severity
    from gradwidget.frame import Frame, Inspection, Layer
    from gradwidget.problem import Problem

P = ParamSpec("P")

LayerFilter = str | Sequence[str] | Callable[[str, "nn.Module"], bool] | None

_attached: WeakKeyDictionary[nn.Module, Callable[[], GradMonitor | None]] = WeakKeyDictionary()
"""The monitor of each model; held only where it is to act, so that somebody has to be there when a
finding opens."""


class GradMonitor:
    """Watches how gradients flow through a model while it trains, and says what is wrong.

    Nothing in the training loop changes: optimizer, loss and layer order are found by themselves.
        The
    monitor holds the model weakly. A second monitor on the same model replaces the first. A monitor
    that is dropped without ``close()`` stops listening by itself; one that is to act on findings
    lives as long as its model.

    Args:
        model: any ``nn.Module`` with at least one parameter.
        optimizer: only where one optimizer of several is meant; otherwise every optimizer that
            steps this model's parameters is seen.
        layers: which layers to watch: None for all, one or several globs on their names
            (``"encoder.*"``), or a callable ``(name, module) -> bool``.
        budget: share of a step's time that gradwidget may cost; None captures everything at every
            step.
        activations: also measure activations and activation gradients.
        on_finding: what to do when a finding opens: None, ``"breakpoint"`` (a debugger in your
            frame, on the line after the step), ``"raise"`` (a ``GradientError`` in the loop), a
            function that gets the finding, or a mapping from ``"warning"`` and ``"critical"`` to
            one of these. A word alone is for critical findings. On an accelerator each sampled step
            then waits for its figures.
        start_step: number of the first step seen, for a resumed run.

    Raises:
        TypeError: ``model`` is not an ``nn.Module``, or ``optimizer`` not an ``Optimizer``.
        ValueError: the model has no parameters, no layer matches ``layers``, the optimizer holds
            none of the model's parameters, or ``on_finding`` is ``"pause"``, which only a
            ``GradWidget`` could end.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(2, 1)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> with GradMonitor(model) as monitor:
        ...     model(torch.ones(4, 2)).mean().backward()
        ...     optimizer.step()
        >>> monitor.history["grad_norm"].shape
        (1, 1)
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
    ) -> None:
        self.history = History()
        self.lock = threading.RLock()
        """Held while a frame is recorded and judged; hold it to read several things that belong
        together."""
        self.on_frame: list[Callable[[], None]] = []
        """Called on the training thread after each recorded frame; keep them quick."""
        self.model_class = type(model).__name__
        """Class name of the model, which is itself held weakly."""
        self.budget = budget
        """As given: share of a step's time that gradwidget may cost, or None."""
        self._engine = Engine()

        def actuate(action: Action) -> Applied:
            return capture.actuator.apply(action)

        def look(layer: str) -> None:
            capture.inspector.look_now(layer)

        # Torch's hooks keep the capture, which keeps the gate: neither may keep a monitor that
        # nobody holds any more.
        self.control = Control(actuate, weakly(self._control_changed), look, weakly(self._refused))
        """Holds the loop between two steps, and changes it there."""
        self.on_control: list[Callable[[], None]] = []
        """Called on any thread when the loop was held, let go or changed; keep them quick."""
        self._reaction = Reaction(self.control, weakly(self._call))
        self._reaction.set(on_finding, resumable=False)
        capture = self._capture = Capture(
            model,
            optimizer,
            emit=weakly(self._record),
            layers=layers,
            budget=budget,
            activations=activations,
            start_step=start_step,
            gate=self.control.gate,
        )
        self._capture.prompt = on_finding is not None
        self.on_inspection: list[Callable[[Inspection], None]] = []
        """Called on any thread with each layer that was looked at closely; keep them quick."""
        self._capture.inspector.emit = weakly(self._inspected)
        self._finalizer = finalize(self, _take_off, self.control.gate, capture)
        self._finalizer.atexit = False
        self._model = ref(model)
        previous = _attached.get(model)
        if previous is not None and (monitor := previous()) is not None:
            monitor.close()
        _attached[model] = ref(self) if on_finding is None else lambda: self

    def _record(self, frame: Frame) -> None:
        with self.lock:
            self.history.append(frame)
            self._engine.update(self.history)
            findings = self._engine.findings
        self._capture.look_closer(*self._engine.wanted)
        self._reaction.opened(findings)
        self._tell("on_frame", self.on_frame)

    @property
    def findings(self) -> list[Finding]:
        """What is wrong: active findings first, the most severe and earliest leading; resolved ones
        after.
        """
        with self.lock:
            return self._engine.findings

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers watched, input first."""
        return self._capture.layers

    @property
    def problems(self) -> list[Problem]:
        """Failures inside gradwidget that were contained, in the order in which they first
        happened.
        """
        return list(self._capture.problems)

    @property
    def overhead(self) -> float:
        """Share of the step time that gradwidget has lately cost, everything included; NaN before
        it is known.
        """
        return self._capture.overhead

    @property
    def sampling_interval(self) -> float:
        """Steps per sampled step, lately: 1.0 is every step, 4.0 one in four."""
        return self._capture.sampling_interval

    @property
    def closed(self) -> bool:
        """True once nothing is watched any more."""
        return self._capture.closed

    @property
    def responses(self) -> Mapping[Severity, Response]:
        """What happens when a finding opens, by severity, where anything does."""
        return self._reaction.responses

    def respond(self, on_finding: OnFinding, *, resumable: bool) -> None:
        """Changes what happens when a finding opens.

        Args:
            on_finding: as for the constructor, and ``"pause"``.
            resumable: whether there is somebody who could let a held loop go on.

        Raises:
            ValueError: ``"pause"`` where nobody could resume, or an unknown word.
            TypeError: neither a word nor a function.
        """
        self._reaction.set(on_finding, resumable=resumable)
        self.control.gate.resumers.asked()
        self._capture.prompt = bool(self._reaction.responses)
        boundary = self._capture.boundary
        if boundary is not None and "pause" in self._reaction.responses.values():
            boundary.watch_every_step()
        self._control_changed()

    @property
    def batch(self) -> Batch | None:
        """While the loop is held: what the model was called with in the last step; None where that
        was not seen.
        """
        boundary = self._capture.boundary
        return None if boundary is None else boundary.batch

    def inspect(self, layer: str) -> str:
        """Looks into a layer for some seconds: histograms of its gradient, weights and output, for
        ``on_inspection``.

        They are made on the training thread: at the end of the next step, at once where the loop is
            held.

        Args:
            layer: its name.

        Returns:
            When it is seen.

        Raises:
            ValueError: there is no such layer, or nothing is watched any more.
        """
        if self.closed:
            message = "Nothing is watched any more."
            raise ValueError(message)
        if all(known.name != layer for known in self.layers):
            message = f"no layer {layer!r} is watched"
            raise ValueError(message)
        if self._capture.inspector.ask(layer):
            return "Nothing is newer."
        if self.control.gate.state.mode == "paused":
            self.control.inspect(layer)
            return "Looked at now."
        return "Looked at in the next step."

    def inspect_idle(self, layer: str) -> None:
        """Looks into a layer at once. Only where it is certain that nothing trains: on a thread
        that is idle.

        Does nothing on another thread than the one that trained last, and after ``close``.
        """
        if not (self.closed or self._capture.inspector.is_elsewhere()):
            self._capture.inspector.look_now(layer)

    def log(self, **scalars: object) -> None:
        """Adds figures of your own to the current step, such as ``log(val_loss=0.3)``.

        A name that gradwidget finds by itself (``loss``) is overridden. Tensors are not
        synchronised.

        Args:
            scalars: numbers or one-element tensors by name.

        Raises:
            TypeError: a value is neither a number nor a tensor of one element.
        """
        self._capture.log(**scalars)

    def charge(self, seconds: float) -> None:
        """Counts time spent on behalf of this monitor elsewhere (drawing) against its budget."""
        self._capture.charge(seconds)

    def report(self) -> str:
        """The state of every layer and all findings as a text table of at most 100 columns."""
        with self.lock:
            return report(self.history, self._engine.findings)

    def close(self) -> None:
        """Removes every hook, lets a held loop go, and ends what was applied. What was recorded
        stays.

        Closing twice does nothing.
        """
        self._finalizer()
        model = self._model()
        if (
            model is not None
            and (current := _attached.get(model)) is not None
            and current() is self
        ):
            del _attached[model]

    def _call(self, function: Callable[[Finding], object], finding: Finding) -> None:
        self._capture.guard.run("acting on a finding", function, finding)

    def _inspected(self, inspection: Inspection) -> None:
        self._tell("on_inspection", self.on_inspection, inspection)

    def _control_changed(self) -> None:
        self._tell("on_control", self.on_control)

    def _refused(self, reason: str) -> None:
        self._capture.guard.note("pausing", reason)

    def _tell(
        self, name: str, callbacks: Sequence[Callable[P, object]], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        # Each on its own: one that fails silences itself only, and never reaches the loop.
        for callback in tuple(callbacks):
            where = f"calling {getattr(callback, '__qualname__', repr(callback))} of {name}"
            self._capture.guard.run(where, callback, *args, **kwargs)

    def __enter__(self) -> GradMonitor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
        fault = self.control.gate.take_fault()
        if error is None and fault is not None:
            raise fault


def _take_off(gate: Gate, capture: Capture) -> None:
    gate.close()
    capture.close()
