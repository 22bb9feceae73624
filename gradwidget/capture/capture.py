"""Turns a training loop into frames, without a change to the loop."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from weakref import finalize

from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from gradwidget.capture.announced_steps import AnnouncedSteps
from gradwidget.capture.arguments import check_held, check_types
from gradwidget.capture.collect.backward import BackwardReader, Taken
from gradwidget.capture.collect.loss import are_numbers
from gradwidget.capture.guard import Guard, entry
from gradwidget.capture.hooks import torch_events
from gradwidget.capture.intervene.actuator import Actuator
from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.model.optimizers import OptimizerParameters
from gradwidget.capture.model.selection import LayerFilter
from gradwidget.capture.sampling.allowances import Reason
from gradwidget.capture.step_cycle import StepCycle
from gradwidget.capture.steps.kept_gradients import KeptGradients
from gradwidget.capture.steps.optimizer_steps import OptimizerSteps
from gradwidget.capture.steps.pause_point import Gatekeeper, PausePoint
from gradwidget.capture.torch_private import (
    found_overflow,
    in_backward,
    is_transformed,
    original_of,
    unscales_late,
    unseen,
)
from gradwidget.capture.unmeasured import REPLACED
from gradwidget.frame import Frame, Layer, Standing
from gradwidget.problem import Problem
from gradwidget.weak_references import weakly

KEEPING = "noting which gradients are kept"
SHARING = "telling optimizers of one backward pass"


class Capture:
    """Watches a model train and emits a frame for every sampled step.

    The model is held weakly; when it dies, every hook is removed.

    Args:
        model: the module being trained.
        optimizer: only where one optimizer of several is meant.
        emit: called with each frame on the training thread, a step or more late on an accelerator.
        layers: None for all, one or several globs on their names, or a callable ``(name, module) ->
            bool``.
        budget: share of the step time that may be spent; None samples every step.
        activations: also measure the layers' outputs and the gradients that flow into them.
        start_step: number of the first step.
        gate: may hold the loop between two steps.
        losses: gets step and loss of each step that is over, where that could be read without
            waiting for an accelerator. The loss of a frame comes after it.

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

    @unseen
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
        losses: deque[tuple[int, float]] | None = None,
    ) -> None:
        check_types(model, optimizer)
        # A compiled model carries the original: its names are the ones that the user knows.
        original = original_of(model)
        self.guard = Guard()
        self._table = LayerTable(original, layers)
        self._optimizers = OptimizerParameters(self._table, optimizer)
        if optimizer is not None:
            check_held(original, self._optimizers.of(optimizer))
        self.pause_point = None if gate is None else PausePoint(original, gate, self.guard)
        """Where that is, when there is a gate."""
        self.cycle = StepCycle(
            original,
            self._table,
            self._optimizers,
            self.guard,
            self.pause_point,
            emit=emit,
            budget=budget,
            activations=activations,
            start_step=start_step,
            losses=deque(maxlen=0) if losses is None else losses,
        )
        """Owns the step under way."""
        forget = self.cycle.activation_cache.nonlinearities.clear
        self.actuator = Actuator(original, self._optimizers.optimizers, self.guard, rewired=forget)
        """Carries out what a person asks for, between two steps."""
        if model is not original:
            self.cycle.forward.compiled(model)
        self._steps = OptimizerSteps()
        self._kept = KeptGradients()
        self._backward = BackwardReader(
            self._table,
            self.cycle.gradient_hooks,
            self.cycle.backward,
            self.cycle.manual,
            self.cycle.updates,
            unstepped=self.cycle.unstepped,
        )
        self.announced = AnnouncedSteps(self.cycle, self._table, self._steps, self.guard)
        """The steps that the loop announces itself."""
        self.closed = False
        """Whether nothing is watched any more."""
        torch_events.attach(self)
        self._finalizer = finalize(model, weakly(self.close))

    # ------------------------------------------------------------------ what it says about itself

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers watched, input first."""
        return self._table.layers

    @property
    def step(self) -> int:
        """Number of the step under way."""
        return self.cycle.builder.step

    @property
    def awaits(self) -> str:
        """What the first step waits for, in words; empty once it is over."""
        return self.cycle.awaits

    @property
    def problems(self) -> list[Problem]:
        """Failures that were contained, in the order in which they first happened."""
        return self.guard.problems

    @property
    def overhead(self) -> float:
        """Share of the step time that capture, and what was charged, has lately cost.

        NaN before it is known.
        """
        return self.cycle.decision.overhead

    @property
    def sampling_interval(self) -> float:
        """Steps per sampled step, lately."""
        return self.cycle.decision.interval

    @property
    def standing(self) -> Standing:
        """How its statistics relate to those of other processes that watch the same model."""
        peers = self.cycle.delivery.peers
        return Standing() if peers is None else peers.standing

    @unseen
    def log(self, **scalars: object) -> None:
        """Adds scalars to the step under way.

        Raises:
            TypeError: a value is neither a number nor a tensor of one element.
        """
        for name, value in scalars.items():
            self.cycle.builder.log(name, value)

    def charge(self, seconds: float) -> None:
        """Counts time spent elsewhere on behalf of this capture."""
        self.cycle.decision.charge(seconds)

    def sample_more(self, *, series: bool, watch: bool) -> None:
        """Samples the next steps if a ``series`` is wanted, and more often during a ``watch``."""
        if series:
            self.cycle.decision.request(Reason.DIAGNOSIS)
        self.cycle.decision.watched = watch

    @unseen
    def close(self) -> None:
        """Removes every hook and emits what is still on its way; closing twice does nothing."""
        if self.closed:
            return
        self.closed = True
        torch_events.detach(self)
        self._finalizer.detach()
        if self.pause_point is not None:
            self.pause_point.close()
        self.guard.run("ending what was applied", self.actuator.close)
        self.cycle.close()

    # ------------------------------------------------------------------ what torch tells

    @entry("noting the start of a backward pass", any_thread=True)
    def backward_begins(self, roots: Sequence[Tensor]) -> None:
        """See ``torch_events.Listener``."""
        if self.cycle.thread.owns_pass(roots, self._table.number_of):
            self._begin_pass()
            self._backward.begin(self.cycle.builder, roots)
            self.cycle.pass_begins(roots)
            if self._kept.is_probing:
                self.guard.run(KEEPING, self._kept.pass_begins, self.cycle.builder.source)
            if self._optimizers.are_several:
                self.guard.run(SHARING, self.cycle.shared.pass_begins)

    @entry("reading a recomputed part")
    def recomputed(self, roots: Sequence[Tensor]) -> None:
        """See ``torch_events.Listener``."""
        self._backward.find_activation_functions(self.cycle.builder, roots)

    @entry("reading after a backward pass")
    def backward_ended(self, roots: Sequence[Tensor], weights: Sequence[Tensor] | None) -> None:
        """See ``torch_events.Listener``."""
        weighted = weights is not None and not are_numbers(weights)
        if self._kept.is_probing:
            self.guard.run(KEEPING, self._kept.pass_ended)
        if self._optimizers.are_several:
            self.guard.run(SHARING, self.cycle.shared.pass_ended)
        if self._backward.end(self.cycle.builder, roots, None if weighted else (weights or ())):
            self._pass_ended(taken=None, weighted=weighted)
        elif (
            not weighted
            and self.cycle.takes_forward()
            and self.cycle.builder.loss.are_cut_off(roots, self._table.number_of)
        ):
            self._backward.end_cut_off(self.cycle.builder, roots)
        else:
            self.cycle.first_step.passes_elsewhere += 1
        if self._steps.backward_ended():
            # The optimizers have cleared the gradients already: nothing else shows the pass.
            self.cycle.builder.loss.add(roots)
            self.cycle.builder.loss.known()
            self._finish()

    @entry("noting a failed backward pass")
    def backward_failed(self) -> None:
        """See ``torch_events.Listener``."""
        self._steps.backward_ended()
        if self._kept.is_probing:
            self.guard.run(KEEPING, self._kept.pass_ended)
        self._backward.fail(self.cycle.builder)

    @entry("noting that gradients are taken", any_thread=True)
    def taking_begins(
        self, roots: Sequence[Tensor], inputs: Sequence[Tensor], *, differentiable: bool
    ) -> None:
        """See ``torch_events.Listener``."""
        if in_backward() or any(is_transformed(root) for root in roots):
            return
        if not differentiable and self._backward.concerns_parameters(inputs):
            # It stands for a backward pass, until one follows.
            if not self.cycle.thread.owns_pass(roots, self._table.number_of):
                return
            self._begin_pass()
            self._backward.begin_taking()
            self.cycle.read_graph(roots)
        elif not (differentiable or self.guard.is_elsewhere):
            self._backward.take_derivatives(self.cycle.builder, roots, inputs)
        if not self.guard.is_elsewhere:
            self._backward.find_activation_functions(self.cycle.builder, roots)

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
        taken = self._backward.end_taking(
            self.cycle.builder, roots, inputs, gradients, weighted=weighted
        )
        if taken is not None:
            self._pass_ended(taken, weighted=weighted)

    @entry("reading before the optimizer's step", any_thread=True)
    def step_begins(self, optimizer: Optimizer, *, with_closure: bool) -> None:
        """See ``torch_events.Listener``."""
        cycle = self.cycle
        held = self._optimizers.step_begins(optimizer) or cycle.find_parameters(optimizer)
        if not held and not self._optimizers.lost(optimizer):
            cycle.first_step.steps_elsewhere += 1
            return
        if not cycle.thread.owns_step():
            return
        if cycle.manual.possible:
            cycle.manual.optimizer_stepped()
        leave_out = self.actuator.before_step(
            optimizer, are_several=self._optimizers.are_several, with_closure=with_closure
        )
        if leave_out:
            cycle.skip()
        if not in_backward():
            if cycle.shared.is_pending and cycle.shared.has_stepped(optimizer):
                cycle.finish()
            self._steps.begins(optimizer)
            cycle.unstepped.step_begins()
            cycle.optimizer_begins(optimizer, held)
        if cycle.builder.sampled:
            cycle.refresh()
            self._read_before(optimizer, self._optimizers.of(optimizer), with_closure=with_closure)
        if leave_out:
            self.actuator.withhold(optimizer)

    @entry("reading after the optimizer's step")
    def step_ended(self, optimizer: Optimizer, *, with_closure: bool) -> None:
        """See ``torch_events.Listener``."""
        cycle, held = self.cycle, self._optimizers.of(optimizer)
        if not held and not self._optimizers.lost(optimizer):
            return
        self.actuator.after_step(optimizer)
        if self._steps.stepped_in_backward(optimizer):
            cycle.read_changes(optimizer)
            return
        if not self._steps.ends(optimizer):
            return
        if cycle.builder.sampled:
            if with_closure and held:
                # Only now are the gradients those of the evaluation that the step ended with.
                cycle.builder.read_step(optimizer, self._table.tensors(), held)
            cycle.read_changes(optimizer)
        has_used = not cycle.builder.skipped
        if has_used and self._kept.is_probing:
            self.guard.run(KEEPING, self._note_kept, optimizer)
        self._finish(optimizer, held)
        # Its verdict needs values of the passes that follow, which only sampled steps read.
        if has_used and cycle.builder.sampled:
            # The last layers first, which every loss reaches.
            handles = (self._table.parameters[number] for number in reversed(held))
            self.guard.run(KEEPING, self._kept.probe, optimizer, handles)

    @entry("noting what is compiled")
    def compiled(self, module: nn.Module | None) -> None:
        """See ``torch_events.Listener``."""
        self.cycle.forward.compiled(module)

    @entry("noting a scaled loss")
    def loss_scaled(
        self, losses: Sequence[Tensor], scaled: Sequence[Tensor], scaler: GradScaler
    ) -> None:
        """See ``torch_events.Listener``."""
        # It is the first that is seen of a step where no forward hook is and no optimizer tells.
        self.cycle.end_manual_step(inside_forward=True)
        self.cycle.builder.loss.add_scaled(losses, scaled, scaler)

    @entry("noting the start of a scaler's step")
    def scaler_step_begins(self, optimizer: Optimizer, scaler: GradScaler) -> None:
        """See ``torch_events.Listener``."""
        self._steps.scaler_begins()
        builder = self.cycle.builder
        if builder.sampled and self._optimizers.of(optimizer):
            builder.loop.unscaled_late |= unscales_late(scaler, optimizer)

    @entry("reading a skipped step")
    def scaler_step_ended(self, optimizer: Optimizer, scaler: GradScaler) -> None:
        """See ``torch_events.Listener``."""
        held = self._optimizers.of(optimizer)
        if not held or not self._steps.scaler_skipped():
            return
        is_torch = isinstance(optimizer, Optimizer)
        if not is_torch and not found_overflow(scaler, optimizer):
            # Another library's optimizer, of which no hook tells: the loop is a manual one, and its
            # gradients are unscaled only now.
            if self.cycle.builder.sampled:
                self.cycle.builder.read_step(optimizer, self._table.tensors(), held)
            return
        # The scaler has found an overflow. The gradients that have it are still there.
        cycle = self.cycle
        if is_torch:
            cycle.manual.optimizer_stepped()
        cycle.skip()
        parameters, builder = self._table.tensors(), cycle.builder
        if not cycle.shared.is_pending:
            builder.forget_statistics()
        builder.read_weights(parameters, held)
        builder.read_step(optimizer, parameters, held)
        self._finish(optimizer if is_torch else None, held)

    # ------------------------------------------------------------------ what follows from it

    def _begin_pass(self) -> None:
        cycle = self.cycle
        if cycle.forward.is_listening:
            cycle.forward.ended()
        cycle.end_manual_step(inside_forward=True)
        if cycle.builder.sampled:
            cycle.refresh()

    def _pass_ended(self, taken: Taken | None, *, weighted: bool) -> None:
        self.cycle.thread.trains()
        self.cycle.pass_ended(is_backward=taken is None)
        if not weighted:
            self.cycle.loss_found()
        self._backward.read(self.cycle.builder, taken)

    def _read_before(self, optimizer: Optimizer, held: list[int], *, with_closure: bool) -> None:
        builder = self.cycle.builder
        if not held:
            builder.reasons |= dict.fromkeys((layer.name for layer in self.layers), REPLACED)
            return
        parameters = self._table.tensors()
        if not (in_backward() or self.cycle.shared.is_pending):
            builder.forget_statistics()
        builder.read_weights(parameters, held, self.cycle.updates.before(parameters, held))
        if not with_closure:
            builder.read_step(optimizer, parameters, held)

    def _note_kept(self, optimizer: Optimizer) -> None:
        builder = self.cycle.builder
        kept = self._kept.stepped(optimizer)
        if kept is not None and builder.sampled:
            builder.loop.kept.append(kept)

    def _finish(self, optimizer: Optimizer | None = None, held: Sequence[int] = ()) -> None:
        """An optimizer has stepped, or several have inside a backward pass: None stands for them.

        The step is over unless another optimizer uses the same backward pass.
        """
        self._steps.step_ended()
        self.cycle.unstepped.stepped()
        shared, is_shared = self.cycle.shared, None
        if optimizer is not None and not shared.is_alone:
            is_shared = self.guard.run(SHARING, shared.stepped, optimizer, held)
        if is_shared:
            self.cycle.builder.is_shared = True
        else:
            self.cycle.finish()
