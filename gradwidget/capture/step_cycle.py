"""The step under way: it begins, is sampled where something asks for it, ends, becomes a frame."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from weakref import ref

from torch import Tensor, nn
from torch.optim import Optimizer

from gradwidget.capture.collect.activations import ActivationCache
from gradwidget.capture.collect.frame_builder import FrameBuilder
from gradwidget.capture.collect.loop.evaluation_mode import modes_of
from gradwidget.capture.collect.loop.optimizer_settings import resting
from gradwidget.capture.collect.loop.same_batch import SameBatch
from gradwidget.capture.collect.nonfinite.graph import origin_in_graph
from gradwidget.capture.collect.output_gradients import OutputGradientHooks
from gradwidget.capture.collect.outputs import first_tensor
from gradwidget.capture.collect.weight_updates import LIMIT, WeightUpdates
from gradwidget.capture.collect.wiring.wiring_reader import WiringReader
from gradwidget.capture.delivery import Delivery
from gradwidget.capture.guard import Guard
from gradwidget.capture.hooks.forward import ForwardHooks, is_training_forward
from gradwidget.capture.hooks.global_hook import Args, Kwargs
from gradwidget.capture.inspect.inspector import Inspector
from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.model.optimizers import Grouped, OptimizerParameters
from gradwidget.capture.sampling.allowances import Reason
from gradwidget.capture.sampling.decision import SamplingDecision
from gradwidget.capture.sampling.recurrent_schedule import RecurrentSchedule
from gradwidget.capture.sampling.triggers import SamplingTriggers
from gradwidget.capture.steps.backward_detector import BackwardDetector
from gradwidget.capture.steps.first_step import FirstStep
from gradwidget.capture.steps.manual_updates import ManualUpdates
from gradwidget.capture.steps.pause_point import PausePoint
from gradwidget.capture.steps.shared_pass import SharedPass
from gradwidget.capture.steps.time_alone import TimeAlone
from gradwidget.capture.steps.training_thread import TrainingThread
from gradwidget.capture.steps.unstepped import UnsteppedPasses
from gradwidget.capture.unmeasured import COMPILED, UNSEEN
from gradwidget.frame import Frame, NonfiniteOrigin

CHECKING = "checking between two samples"
OPERATIONS = "finding what parameters outside of modules are used for"
WIRING = "reading how the network is wired"


class StepCycle:
    """Owns the step under way, from the end of the one before to its own end.

    Args:
        model: the model, held weakly.
        table: its layers.
        optimizers: which parameters each optimizer holds.
        guard: contains failures.
        pause_point: where the loop can be paused; None where it cannot.
        emit: called with each frame on the training thread.
        budget: share of the step time that may be spent; None samples every step.
        activations: also measure outputs and their gradients.
        start_step: number of the first step.
        losses: gets step and loss of each step that is over.
    """

    def __init__(
        self,
        model: nn.Module,
        table: LayerTable,
        optimizers: OptimizerParameters,
        guard: Guard,
        pause_point: PausePoint | None,
        *,
        emit: Callable[[Frame], None],
        budget: float | None,
        activations: bool,
        start_step: int,
        losses: deque[tuple[int, float]],
    ) -> None:
        self.decision = SamplingDecision(budget)
        self.backward = BackwardDetector()
        self.manual = ManualUpdates(self.backward, optimizers)
        self.unstepped = UnsteppedPasses(self.backward)
        self.first_step = FirstStep(is_optimizer_given=optimizers.is_one_given)
        self.shared = SharedPass(table, optimizers)
        self.thread = TrainingThread(guard)
        self.forward = ForwardHooks(model, table, guard)
        self.gradient_hooks = OutputGradientHooks(guard)
        self.updates = WeightUpdates(table, guard, LIMIT if budget is not None else None)
        self.inspector = Inspector(table, guard, self.backward, budget, activations=activations)
        self.prompt = False
        """Whether each frame is emitted before its step is left, which waits for an accelerator."""
        self.was_skipped = False
        """Whether the step that ended last was left out."""
        self._model = ref(model)
        self._table = table
        self._optimizers = optimizers
        self._guard = guard
        self._pause_point = pause_point
        self._losses = losses
        self._wants_outputs = activations
        self._triggers = SamplingTriggers(self.decision, table)
        self.activation_cache = ActivationCache(guard)
        self._recurrent_schedule = RecurrentSchedule(self.decision)
        self._wiring = WiringReader(model, table, optimizers, self.forward.foreign)
        self._start = start_step
        self._is_closed = False
        self._is_refreshed = False
        self._was_finite = True
        self._has_run = False
        self._extra_samples = 0
        """Steps in a row that were sampled because the one before was."""
        self.delivery = Delivery(
            table, guard, self.decision, self._triggers, SameBatch(self._no_data), emit=emit
        )
        """Has the steps that are over."""
        self._began = self._last_end = perf_counter()
        self._spent_before = 0.0
        self._alone = TimeAlone(guard)
        self.backward.watch(table.parameters)
        self.builder = self._new_builder(start_step, sampled=True, wanted=False)
        """Collects the step under way."""
        self._begin()

    # ------------------------------------------------------------------ whether it is sampled

    def request(self, reason: Reason) -> None:
        """Has the step under way sampled, with as many after it as the reason's allowance says."""
        if self.decision.request(reason):
            self.builder.sampled = True

    def pass_begins(self, roots: Sequence[Tensor]) -> None:
        """A backward pass of the model is about to run: the graph still has the step's values."""
        builder = self.builder
        if builder.sampled and not self._table.sharded:
            # Its gradients are brought together during the pass: until now it ran by itself.
            builder.note_apart(self._alone.seconds())
        if self._wiring.is_due or self._table.divided:
            self.read_graph(roots)
        number = builder.loss.pass_begins(roots)
        if number is None or math.isfinite(number):
            return
        is_by_graph = builder.has_outputs and bool(self._table.divided)
        if self._was_finite or is_by_graph:
            origin = self._guard.run(
                "finding the origin of a NaN", origin_in_graph, roots[0], self._table
            )
            builder.traced = origin or NonfiniteOrigin("unknown")
        self._was_finite = False

    def read_graph(self, roots: Sequence[Tensor]) -> None:
        """The graph behind some losses shows how the network is wired, where that is due.

        In a sampled step it also has the outputs of layers that are no modules.
        """
        if self._wiring.is_due:
            self._guard.run(WIRING, self._wiring.pass_begins, roots, self.builder.readback)
        if self._table.divided:
            self._guard.run(OPERATIONS, self.builder.pass_begins, roots)

    def pass_ended(self, *, is_backward: bool) -> None:
        """A backward pass has reached the model, which is still in the mode of its forward.

        Args:
            is_backward: False where the loop took gradients in the place of it.
        """
        self._has_run = False
        if self.builder.sampled or self.delivery.peers is not None:
            self._alone.begins()
        if is_backward:
            self.unstepped.pass_ended(self.builder.source, cleared=self.backward.was_cleared)
        model = self._model() if self.builder.sampled else None
        if model is not None:
            modes = self._guard.run("reading the modes of modules", modes_of, model)
            if modes is not None and (is_evaluation := modes.is_evaluation) is not None:
                scalars = self.builder.scalars
                scalars["eval_mode"] = min(scalars.get("eval_mode", 1.0), float(is_evaluation))
                scalars["most_dropped"] = modes.most_dropped

    def takes_forward(self) -> bool:
        """Whether layers have run for training since this was last asked for, as far as seen."""
        has_run, self._has_run = self._has_run, False
        return has_run

    def loss_found(self) -> None:
        """The loss of a backward pass is known, unless the device would have to be waited for."""
        loss, scale = self.builder.loss.known()
        if loss is not None:
            self._was_finite = math.isfinite(loss)
        if (reason := self._triggers.loss_found(loss, scale)) is not None:
            self.request(reason)

    def optimizer_begins(self, optimizer: Grouped, held: list[int]) -> None:
        """An optimizer is about to step the parameters with these numbers."""
        # A step of which one optimizer has passed already is not looked at in part.
        if not (self.builder.sampled or self.shared.is_pending):
            check = self._triggers.optimizer_steps
            if (reason := self._guard.run(CHECKING, check, optimizer, held)) is not None:
                self.request(reason)

    def skip(self) -> None:
        """The step is left out: by a gradient scaler, or on request."""
        self.builder.skipped = True
        self.request(Reason.OVERFLOW)

    @property
    def _is_first(self) -> bool:
        """Whether no step is over yet."""
        return self.builder.step == self._start

    @property
    def awaits(self) -> str:
        """What the first step waits for, in words; empty once it is over."""
        if not self._is_first:
            return ""
        return self.first_step.awaits(self._table.layers, self.unstepped.count + self.builder.taken)

    # ------------------------------------------------------------------ what the forward tells

    def thread_has_ended(self) -> bool:
        """See ``ForwardListener``."""
        return self.thread.has_ended()

    def forward_begins(self) -> None:
        """See ``ForwardListener``."""
        if self._table.sharded:
            self.builder.note_apart(self._alone.seconds())
        if self.builder.sampled:
            self.refresh()

    def layer_ran(
        self, name: str, module: nn.Module, args: Args, kwargs: Kwargs, output: object
    ) -> None:
        """See ``ForwardListener``."""
        is_training = is_training_forward()
        made = first_tensor(output) if self._guard.thread is None else None
        self.thread.forward_ran(is_training=is_training and (made is None or made.requires_grad))
        self._has_run |= is_training
        self.first_step.ran(is_training=is_training)
        self.end_manual_step(inside_forward=True)
        self.builder.passed(name, module, args, kwargs, output)
        if self._wiring.is_due:
            self._guard.run(WIRING, self._wiring.layer_ran, name, module, args, kwargs, output)

    def model_ran(self, args: Args, kwargs: Kwargs) -> None:
        """See ``ForwardListener``."""
        self.builder.model_ran(args, kwargs)

    def nonlinearity_ran(self, module: nn.Module, args: Args) -> None:
        """See ``ForwardListener``."""
        for name, kind in self.builder.activations.match_activation_module(module, args).items():
            self._table.note_activation_function(name, kind)

    def refresh(self) -> None:
        """Walks the model again, once a sampled step: what was changed between two shows then."""
        if not self._is_refreshed or self._table.has_lazy:
            self._is_refreshed = True
            self._walk()

    def find_parameters(self, optimizer: Optimizer) -> list[int]:
        """Numbers of the parameters of an optimizer that holds none as far as known.

        Where one that is new holds none, the model is walked again: it may have got a new head. So
        it is where none has held any yet although gradients have come: they may have been frozen.
        """
        if self._guard.is_elsewhere:
            return []
        is_new = self._optimizers.is_first_without(optimizer)
        if not (is_new or (self._is_first and self.backward.has_passed)):
            return []
        self._walk()
        return self._optimizers.of(optimizer)

    def _walk(self) -> None:
        model = self._model()
        if model is not None and self._table.refresh(model):
            self.backward.watch(self._table.parameters)

    # ------------------------------------------------------------------ from step to step

    def read_changes(self, optimizer: Optimizer | None = None) -> None:
        """Reads how far the step has moved the weights.

        Args:
            optimizer: the one that has just moved them, whose gradients are still there; None where
                the loop has moved them itself.
        """
        builder = self.builder
        if not builder.sampled:
            return
        parameters = self._table.tensors()
        if optimizer is not None:
            lost = self._guard.run(
                "counting lost updates",
                self.updates.lost,
                parameters,
                resting(optimizer),
                builder.readback,
            )
            builder.read_lost(lost)
        builder.read_changes(self.updates.after(parameters, builder.readback))

    def end_manual_step(self, *, inside_forward: bool) -> None:
        """Ends the step where the weights are no longer those that its backward pass left.

        Only in a loop where no optimizer says so; and in one that never changes them, after its
        backward pass. Also ends one that has waited for another optimizer in vain.
        """
        if self.shared.is_pending:
            self.finish(inside_forward=inside_forward)
        elif self.manual.possible and self.manual.has_stepped():
            self.read_changes()
            self.unstepped.stepped()
            self.finish(inside_forward=inside_forward)
        elif self.unstepped.is_overdue and self.unstepped.is_due and is_training_forward():
            self.builder.loop.unstepped = self.unstepped.take()
            self.builder.loop.stepped_elsewhere = self.first_step.steps_elsewhere > 0
            self.finish(inside_forward=inside_forward)

    def was_paused(self, seconds: float) -> None:
        """The loop has been paused for so long, which was no training time."""
        self._last_end += seconds
        self._alone.was_paused(seconds)
        self.builder.inspections = self.inspector.resumed(sampled=self.builder.sampled)

    def finish(self, *, inside_forward: bool = False) -> None:
        """The step is over and the next one begins.

        Args:
            inside_forward: whether the forward of the next one has begun already.
        """
        builder, now = self.builder, perf_counter()
        self.was_skipped = builder.skipped
        if not self.shared.is_alone:
            self.shared.step_ended()
        self.thread.step_ended()
        # Interrupted from here on, this builder stays, and the next event ends it again: what is
        # complete is not completed twice.
        if builder.sampled and not builder.is_complete:
            builder.is_complete = True
            self._complete(builder, now)
        if self.delivery.waiting or self.delivery.peers is not None:
            self.delivery.deliver(builder.step)
        # Not before the frames of steps that came earlier.
        if builder.loss.total is not None and not self.delivery.waiting:
            self._losses.append((builder.step, builder.loss.total))
        wanted = self._tell_of_end(builder, inside_forward=inside_forward)
        # What this step has cost decides whether the next one is sampled.
        spent = self._guard.spent_until_now()
        self.decision.stepped(now - self._last_end, spent - self._spent_before)
        if builder.sampled:
            self.delivery.announce()
        self._last_end, self._spent_before = now, spent
        self._is_refreshed = False
        self._table.release()
        is_due = self.decision.sampling
        sampled = is_due or (builder.sampled and self._leaves_gradients(builder))
        self._extra_samples = self._extra_samples + 1 if sampled and not is_due else 0
        self.builder = self._new_builder(builder.step + 1, sampled=sampled, wanted=wanted)
        self._begin()
        self.builder.inherit(builder)

    def _no_data(self) -> Iterator[Tensor]:
        """Tensors that may be as large as a batch and are none."""
        yield from self.activation_cache.buffers.tensors()
        yield from (one.grad for one in self._table.alive() if one.grad is not None)
        for optimizer in self._optimizers.optimizers():
            for state in optimizer.state.values():
                yield from (one for one in state.values() if isinstance(one, Tensor))

    def close(self) -> None:
        """Removes every hook and emits what is still on its way."""
        self._is_closed = True
        self.listen()
        self.inspector.release()
        self._table.release()
        self._guard.run(WIRING, self._wiring.begin, sampled=False)
        self._guard.run("finishing the last step", self._finish_last)

    def listen(self) -> None:
        """Registers the hooks that the step under way needs, and removes all others."""
        wanted = (self.builder.sampled or self.unstepped.is_overdue) and not self._is_closed
        if wanted or self.forward.is_listening:
            self.forward.listen(self if wanted else None)

    def _new_builder(self, step: int, *, sampled: bool, wanted: bool) -> FrameBuilder:
        return FrameBuilder(
            step,
            self._table,
            self.gradient_hooks.register,
            self.activation_cache,
            self._recurrent_schedule,
            sampled=sampled,
            outputs=self._wants_outputs,
            inspections=self.inspector.begin(step, sampled=sampled, wanted=wanted),
        )

    def _begin(self) -> None:
        sampled, self._guard.step = self.builder.sampled, self.builder.step
        self.backward.step_begins()
        if sampled or self._wiring.is_due:
            self._guard.run(WIRING, self._wiring.begin, sampled=sampled)
        self.listen()

    def _complete(self, builder: FrameBuilder, now: float) -> None:
        self.forward.step_ended()
        builder.scalars["time"] = now - self._began
        builder.scalars["spent"] = self.decision.spent
        if not math.isnan(self.decision.overhead):
            builder.scalars["overhead"] = self.decision.overhead
        builder.wiring = self._guard.run(WIRING, self._wiring.finish)
        if builder.wiring is not None:
            self.activation_cache.note_wiring(builder.wiring)
        optimized = self._guard.run("seeing which layers take part", self._optimizers.held)
        builder.finish(COMPILED if self.forward.compiling.forbids_hooks else UNSEEN, optimized)
        self.delivery.add(builder)
        if self.prompt:
            builder.readback.wait()

    def _tell_of_end(self, builder: FrameBuilder, *, inside_forward: bool) -> bool:
        """Tells who may stop the loop or inspects it; whether somebody wants it to stop."""
        wanted = paused = False
        if self._pause_point is not None:
            wanted = self._pause_point.step_ended(self, builder.step, inside_forward=inside_forward)
            if wanted:
                self.decision.request(Reason.PAUSE)
                paused = self._pause_point.is_due
        self.inspector.step_ended(
            builder.step, builder.inspections, builder.reasons, paused=paused, wanted=wanted
        )
        return wanted

    def _leaves_gradients(self, builder: FrameBuilder) -> bool:
        """Whether a sampled step has left gradients for another optimizer.

        Of several that take turns none is to be missing, and each is sampled once: gradients that
        lie about may have been used long ago.
        """
        optimizers = self._optimizers.optimizers()
        if len(optimizers) - 1 <= self._extra_samples:
            return False
        unused = builder.unused()
        return unused is None or any(
            not unused.isdisjoint(self._optimizers.of(one)) for one in optimizers
        )

    def _finish_last(self) -> None:
        self.end_manual_step(inside_forward=False)
        self.delivery.finish(self.builder.step)
