"""RecurrentSchedule a training loop into frames, without a change to the loop."""

from __future__ import annotations

import math
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from time import perf_counter

from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from gradwidget.capture.collect.activations import UNSEEN, Lasting
from gradwidget.capture.collect.backward import BackwardReader
from gradwidget.capture.collect.frame_builder import FrameBuilder
from gradwidget.capture.collect.nonfinite_replay import NOTING, NonfiniteReplay
from gradwidget.capture.collect.weight_updates import LIMIT, WeightUpdates
from gradwidget.capture.guard import Guard, entry
from gradwidget.capture.hooks import torch_events
from gradwidget.capture.hooks.compiling import REASON as COMPILED
from gradwidget.capture.hooks.forward import Args, Forward, Kwargs
from gradwidget.capture.inspect.inspector import Inspector
from gradwidget.capture.intervene.actuator import Actuator
from gradwidget.capture.model.layers import LayerFilter, LayerTable
from gradwidget.capture.model.optimizers import OptimizerParameters
from gradwidget.capture.sampling.budget import Budget
from gradwidget.capture.sampling.recurrent_schedule import RecurrentSchedule
from gradwidget.capture.sampling.triggers import SamplingTriggers
from gradwidget.capture.steps.backward_reach import BackwardReach
from gradwidget.capture.steps.manual import ManualLoop
from gradwidget.capture.steps.pause_point import Gatekeeper, PausePoint
from gradwidget.capture.torch_private import in_backward
from gradwidget.frame import Frame, Layer
from gradwidget.problem import Problem

REPLACED = (
    "The optimizer holds other tensors than the model's parameters (they were replaced, as by "
    "load_state_dict(assign=True)), so this layer is not being trained."
)


class Capture:
    """Watches a model train and emits a frame for every sampled step.

    The model is held weakly; when it dies, everything is taken off.

    Args:
        model: the module being trained.
        optimizer: only where one optimizer of several is meant.
        emit: called with each frame on the training thread, a step or more late on an accelerator.
        layers: None for all, one or several globs on their names, or a callable ``(name, module) ->
            bool``.
        budget: share of the step time that may be spent; None samples every step.
        activations: also look at the layers' outputs and the gradients that flow into them.
        start_step: number of the first step.
        gate: may hold the loop between two steps.

    Raises:
        TypeError: ``model`` is no ``nn.Module``, or ``optimizer`` no ``Optimizer``.
        ValueError: the model has no parameters, no layer matches, or the optimizer holds none of
            the parameters.

    Example:
        >>> frames, model = [], nn.Linear(2, 1)
        >>> import torch
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> capture = Capture(model, emit=frames.append)
        >>> model(torch.ones(4, 2)).mean().backward()
        >>> optimizer.step()
        >>> capture.close()
        >>> frames[0].step, frames[0].metrics["grad_norm"].shape
        (0, (1,))
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer | None = None,
        *,
        emit: Callable[[Frame], None],
        layers: LayerFilter = None,
        budget: float | None = 0.01,
        activations: bool = True,
        start_step: int = 0,
        gate: Gatekeeper | None = None,
    ) -> None:
        if not isinstance(model, nn.Module):
            message = f"model must be a torch.nn.Module, not {type(model).__name__}"
            raise TypeError(message)
        if optimizer is not None and not isinstance(optimizer, Optimizer):
            kind = type(optimizer).__name__
            message = f"optimizer must be a torch.optim.Optimizer, not {kind}; leave it out to have it found"
            raise TypeError(message)
        # A compiled model carries the original: its names are the ones that the user knows.
        original = getattr(model, "_orig_mod", model)
        self.guard = Guard()
        self._table = LayerTable(original, layers)
        self._owners = OptimizerParameters(self._table, optimizer)
        if optimizer is not None and not self._owners.of(optimizer):
            message = (
                f"the optimizer holds none of the parameters of this {type(original).__name__}; "
                "pass the one that was made with model.parameters(), or leave it out"
            )
            raise ValueError(message)
        self.actuator = Actuator(original, self._owners.optimizers, self.guard)
        """Carries out what a person asks for, between two steps."""
        self.boundary = (
            None
            if gate is None
            else PausePoint(original, gate, self._before_forward, self._was_held)
        )
        """Where that is, when there is a gate."""
        self.prompt = False
        """Whether each frame is to be emitted before its step is left, which waits for an
        accelerator."""
        self._emit = emit
        self._model = weakref.ref(original)
        self._wants_activations = activations
        self._budget = Budget(budget)
        self._updates = WeightUpdates(self._table, LIMIT if budget is not None else None)
        self._reach = BackwardReach()
        self._reach.watch(self._table.alive())
        self._forward = Forward(
            original,
            self._table,
            self.guard,
            begin=self._refresh,
            passed=self._passed,
            between=self._between,
        )
        if model is not original:
            self._forward.compiled(model)
        self.inspector = Inspector(
            self._table, self.guard, self._reach, budget, activations=activations
        )
        """Looks into single layers for whoever asks."""
        self._replay = NonfiniteReplay(original, self._table, self.guard)
        self._lookout = SamplingTriggers(self._budget, self._table)
        self._waiting: deque[FrameBuilder] = deque()
        self._closed = False
        self._ended = 0
        self._ended_before: dict[int, int] = {}
        self._scaler_began = 0
        self._stepped_in_backward = False
        self._manual = ManualLoop(self._reach, self._owners)
        self._manual.possible = optimizer is None
        self._is_fresh = True
        self._began = self._last_end = perf_counter()
        self._spent_before = 0.0
        self._lasting = Lasting(RecurrentSchedule(self._budget))
        self._passes = BackwardReader(
            self._table,
            self.guard,
            draft=lambda: self._draft,
            before=self._begin_pass,
            reach=self._reach,
            manual=self._manual,
            lookout=self._lookout,
            replay=lambda: self._replay.origin(called_once=self._forward.called_once),
            updates=self._updates,
        )
        self._begin(start_step, sampled=True, wanted=False)
        torch_events.attach(self)
        self._finalizer = weakref.finalize(model, _close, weakref.ref(self))

    # ------------------------------------------------------------------ what it says about itself

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers watched, input first."""
        return self._table.layers

    @property
    def step(self) -> int:
        """Number of the step under way."""
        return self._draft.step

    @property
    def problems(self) -> list[Problem]:
        """Failures that were contained, in the order in which they first happened."""
        return self.guard.problems

    @property
    def overhead(self) -> float:
        """Share of the step time that capture, and what was charged, has lately cost; NaN before it
        is known.
        """
        return self._budget.overhead

    @property
    def sampling_interval(self) -> float:
        """Steps per sampled step, lately."""
        return self._budget.interval

    @property
    def closed(self) -> bool:
        """True once nothing is watched any more."""
        return self._closed

    def log(self, **scalars: object) -> None:
        """Adds scalars to the step under way.

        Raises:
            TypeError: a value is neither a number nor a tensor of one element.
        """
        for name, value in scalars.items():
            self._draft.log(name, value)

    def charge(self, seconds: float) -> None:
        """Counts time spent elsewhere on behalf of this capture."""
        self._budget.charge(seconds)

    def look_closer(self, steps: int, every: int) -> None:
        """Samples the next ``steps``, and from then on one ``every`` so many (0: as rarely as
        ever).
        """
        self._budget.force(steps)
        self._budget.hurry(every)

    def close(self) -> None:
        """Takes every hook off and emits what is still on its way; closing twice does nothing."""
        if self._closed:
            return
        self._closed = True
        torch_events.detach(self)
        self._listen()
        self.inspector.release()
        self._finalizer.detach()
        if self.boundary is not None:
            self.boundary.close()
        self.guard.run("ending what was applied", self.actuator.close)
        self.guard.run("finishing the last step", self._finish_last)

    # ------------------------------------------------------------------ what torch tells

    @entry("noting the start of a backward pass")
    def backward_begins(self, roots: Sequence[Tensor]) -> None:
        """See ``torch_events.Listener``."""
        self._passes.begin(roots)

    @entry("looking into a recomputed part")
    def recomputed(self, roots: Sequence[Tensor]) -> None:
        """See ``torch_events.Listener``."""
        self._passes.look_up_followers(roots)

    @entry("reading after a backward pass")
    def backward_ended(self, roots: Sequence[Tensor], *, weighted: bool) -> None:
        """See ``torch_events.Listener``."""
        self._passes.end(roots, weighted=weighted)
        if self._stepped_in_backward:
            self._stepped_in_backward = False
            self._draft.loss.found(roots)
            self._finish()

    @entry("noting a failed backward pass")
    def backward_failed(self) -> None:
        """See ``torch_events.Listener``."""
        self._stepped_in_backward = False
        self._passes.fail()

    @entry("noting that gradients are taken")
    def taking_begins(
        self, roots: Sequence[Tensor], inputs: Sequence[Tensor], *, differentiable: bool
    ) -> None:
        """See ``torch_events.Listener``."""
        self._passes.begin_taking(roots, inputs, differentiable=differentiable)

    @entry("reading gradients that were taken")
    def taking_ended(
        self,
        roots: Sequence[Tensor],
        inputs: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
        *,
        weighted: bool,
    ) -> None:
        """See ``torch_events.Listener``."""
        self._passes.end_taking(roots, inputs, gradients, weighted=weighted)

    @entry("reading before the optimizer's step")
    def step_begins(self, optimizer: Optimizer, *, with_closure: bool) -> None:
        """See ``torch_events.Listener``."""
        owned = self._owners.of(optimizer)
        if not owned and not self._owners.lost(optimizer):
            return
        self._manual.optimizer_stepped()
        draft = self._draft
        leave_out = self.actuator.before_step(optimizer, with_closure=with_closure)
        if leave_out:
            draft.skipped = draft.sampled = True
        if not in_backward():
            self._ended_before[id(optimizer)] = self._ended
            self._lookout.step_begins(draft, optimizer, owned)
        if draft.sampled:
            self._refresh()
            self._read_before(optimizer, self._owners.of(optimizer), with_closure=with_closure)
        if leave_out:
            self.actuator.withhold(optimizer)

    def _read_before(self, optimizer: Optimizer, owned: list[int], *, with_closure: bool) -> None:
        draft = self._draft
        if not owned:
            draft.reasons |= dict.fromkeys((layer.name for layer in self.layers), REPLACED)
            return
        parameters = self._table.tensors()
        if not in_backward():
            draft.forget_figures()
        draft.read_weights(parameters, owned, self._updates.before(parameters, owned))
        if not with_closure:
            draft.read_step(optimizer, parameters, owned)

    @entry("reading after the optimizer's step")
    def step_ended(self, optimizer: Optimizer, *, with_closure: bool) -> None:
        """See ``torch_events.Listener``."""
        owned = self._owners.of(optimizer)
        if not owned and not self._owners.lost(optimizer):
            return
        self.actuator.after_step(optimizer)
        if in_backward():
            self._stepped_in_backward = True
            self._read_changes()
            return
        if self._ended_before.pop(id(optimizer), self._ended) != self._ended:
            return  # it wrapped another optimizer, whose step this was
        if self._draft.sampled and with_closure and owned:
            # Only now are the gradients those of the evaluation that the step ended with.
            self._draft.read_step(optimizer, self._table.tensors(), owned)
        self._read_changes()
        self._finish()

    @entry("noting what is compiled")
    def compiled(self, module: nn.Module | None) -> None:
        """See ``torch_events.Listener``."""
        self._forward.compiled(module)

    @entry("noting a scaled loss")
    def loss_scaled(
        self, losses: Sequence[Tensor], scaled: Sequence[Tensor], scaler: GradScaler
    ) -> None:
        """See ``torch_events.Listener``."""
        self._draft.loss.scaled(losses, scaled, scaler)

    @entry("noting the start of a scaler's step")
    def scaler_step_begins(self) -> None:
        """See ``torch_events.Listener``."""
        self._scaler_began = self._ended

    @entry("reading a skipped step")
    def scaler_step_ended(self, optimizer: Optimizer) -> None:
        """See ``torch_events.Listener``."""
        owned = self._owners.of(optimizer)
        if not owned or self._ended != self._scaler_began:
            return
        # No optimizer stepped: the scaler has found an overflow. The gradients that have it are
        # still there.
        self._manual.optimizer_stepped()
        draft = self._draft
        parameters = self._table.tensors()
        draft.skipped = draft.sampled = True
        draft.forget_figures()
        draft.read_weights(parameters, owned)
        draft.read_step(optimizer, parameters, owned)
        self._finish()

    def _passed(
        self, name: str, module: nn.Module, args: Args, kwargs: Kwargs, output: object
    ) -> None:
        self._end_manual_step()
        self._draft.passed(name, module, args, kwargs, output)

    def _between(self, module: nn.Module, args: Args) -> None:
        for name, kind in self._draft.activations.taken(module, args).items():
            self._table.followed_by(name, kind)

    # ------------------------------------------------------------------ from step to step

    def _begin_pass(self) -> None:
        self._forward.ended()
        self._end_manual_step()
        self._refresh()

    def _read_changes(self) -> None:
        if self._draft.sampled:
            self._draft.read_changes(
                self._updates.after(self._table.tensors(), self._draft.readback)
            )

    def _end_manual_step(self, *, inside_forward: bool = True) -> None:
        """Where no optimizer steps, a step has ended once the weights are no longer those that
        backward left.
        """
        if self._manual.has_stepped():
            self._read_changes()
            self._finish(inside_forward=inside_forward)

    @entry("noting the end of a step")
    def _before_forward(self) -> None:
        self._end_manual_step(inside_forward=False)

    def _was_held(self, seconds: float) -> None:
        self._last_end += seconds
        self._draft.look = self.inspector.let_go(sampled=self._draft.sampled)

    def _finish(self, *, inside_forward: bool = False) -> None:
        draft = self._draft
        self._ended += 1
        now = perf_counter()
        if draft.sampled:
            self._forward.step_ended()
            draft.scalars["time"] = now - self._began
            if not math.isnan(self.overhead):
                draft.scalars["overhead"] = self.overhead
            draft.finish(COMPILED if self._forward.compiling.forbids_hooks else UNSEEN)
            self._waiting.append(draft)
            if self.prompt:
                draft.readback.wait()
        self._deliver()
        wanted = held = False
        if self.boundary is not None:
            self.boundary.step_ended(draft.step, inside_forward=inside_forward)
            wanted, held = self.boundary.is_wanted, self.boundary.is_due
            if wanted:
                self._budget.force(1)  # whoever stops a loop wants to look at the step that it ran
        self.inspector.step_ended(draft.step, draft.look, draft.reasons, held=held, wanted=wanted)
        spent = self.guard.spent_until_now()
        self._budget.stepped(now - self._last_end, spent - self._spent_before)
        self._last_end, self._spent_before = now, spent
        self._is_fresh = False
        self._begin(
            draft.step + 1, sampled=self._budget.sampling or self._is_followed(draft), wanted=wanted
        )
        self._draft.inherit(draft)

    def _is_followed(self, draft: FrameBuilder) -> bool:
        """Whether the next step is sampled too: of several optimizers that take turns, none is to
        be left out.
        """
        optimizers = self._owners.optimizers() if draft.sampled else []
        if len(optimizers) < 2:
            return False
        unused = draft.unused()
        return unused is None or any(
            not unused.isdisjoint(self._owners.of(one)) for one in optimizers
        )

    def _begin(self, step: int, *, sampled: bool, wanted: bool) -> None:
        look = self.inspector.begin(step, sampled=sampled, wanted=wanted)
        self._draft = FrameBuilder(
            step, self._table, self._passes.on_gradient, self._lasting, sampled=sampled, look=look
        )
        self._draft.is_whole = self._draft.sampled and self._wants_activations
        self.guard.step = step
        self._reach.step_begins()
        self._listen()

    def _listen(self) -> None:
        self._forward.listen(wanted=self._draft.sampled and not self._closed)
        unseen = not (self._draft.is_whole or self._closed or self._forward.compiling.forbids_hooks)
        self._replay.listen(wanted=unseen and self._budget.affords(NOTING))

    def _refresh(self) -> None:
        """Looks at the model again, once a sampled step: what was changed between two steps shows
        then.
        """
        model = self._model()
        if (
            self._draft.sampled
            and (not self._is_fresh or self._table.has_lazy)
            and model is not None
        ):
            self._is_fresh = True
            if self._table.refresh(model):
                self._reach.watch(self._table.alive())

    def _deliver(self) -> None:
        while self._waiting and self._waiting[0].readback.ready:
            frame = self.guard.run("making a frame", self._waiting.popleft().frame)
            if frame is not None:
                self._lookout.frame_made(frame)
                self.guard.run("recording a frame", self._emit, frame)

    def _finish_last(self) -> None:
        self._end_manual_step()
        for draft in self._waiting:
            draft.readback.wait()
        self._deliver()


def _close(capture: weakref.ref[Capture]) -> None:
    alive = capture()
    if alive is not None:
        alive.close()
