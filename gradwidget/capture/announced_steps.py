"""Steps that the loop announces itself: those of another library's optimizer, or of none."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from gradwidget.capture.guard import Guard, entry
from gradwidget.capture.model.layers import LayerTable, trainable_among
from gradwidget.capture.step_cycle import StepCycle
from gradwidget.capture.steps.optimizer_steps import OptimizerSteps

ANNOUNCING = "announcing a step"
TOO_EARLY = (
    "step_begins() was called before any backward pass of this step, so it was ignored; call it "
    "after backward(), before the weights are changed"
)
TWICE = "step_begins() was called twice in one step; call step_ended() once the weights are changed"
NOT_BEGUN = (
    "step_ended() was called without step_begins(), so it was ignored; call that before the "
    "weights are changed"
)


class AnnouncedOptimizer:
    """Stands for what changes the weights, of which only the learning rate is known.

    Args:
        rate: the learning rate; None where that is not known either.
    """

    def __init__(self, rate: float | Tensor | None) -> None:
        self.param_groups: list[dict[str, Any]] = [{} if rate is None else {"lr": rate}]


class AnnouncedSteps:
    """Reads before and after the steps that are announced.

    An optimizer of torch's that steps in between ends the step, as it always does.

    Args:
        cycle: owns the step under way.
        table: the layers.
        steps: counts the steps that have ended.
        guard: contains failures, and keeps calls in the wrong order as problems.
    """

    def __init__(
        self, cycle: StepCycle, table: LayerTable, steps: OptimizerSteps, guard: Guard
    ) -> None:
        self.guard = guard
        self._cycle = cycle
        self._table = table
        self._steps = steps
        self._open: int | None = None
        """Number of the step that has begun."""
        self._is_ignored = False
        self._trainable: tuple[int, list[int]] = -1, []

    @entry("reading before an announced step", any_thread=True)
    def begins(self, rate: float | Tensor | None) -> None:
        """The weights are about to be changed, with the gradients as they are now.

        Args:
            rate: the learning rate, where it is known.
        """
        cycle = self._cycle
        if not cycle.thread.owns_step():
            return
        if self._open == cycle.builder.step:
            self.guard.note(ANNOUNCING, TWICE)
        self._is_ignored = not (cycle.backward.has_passed or cycle.builder.taken)
        if self._is_ignored:
            # A gradient scaler that leaves a step out has ended it.
            if not cycle.was_skipped:
                self.guard.note(ANNOUNCING, TOO_EARLY)
            return
        cycle.manual.announced()
        cycle.unstepped.step_begins()
        self._open = cycle.builder.step
        optimizer = AnnouncedOptimizer(rate)
        cycle.optimizer_begins(optimizer, self._held())
        if cycle.builder.sampled:
            self._read(optimizer)

    @entry("reading after an announced step")
    def ended(self) -> None:
        """The weights have been changed."""
        cycle, opened, ignored = self._cycle, self._open, self._is_ignored
        self._open, self._is_ignored = None, False
        if opened is None:
            if not ignored:
                self.guard.note(ANNOUNCING, NOT_BEGUN)
        elif opened == cycle.builder.step:
            cycle.read_changes()
            cycle.unstepped.stepped()
            self._steps.step_ended()
            cycle.finish()

    def _read(self, optimizer: AnnouncedOptimizer) -> None:
        cycle, builder = self._cycle, self._cycle.builder
        cycle.refresh()
        if builder.taken:
            # What torch.autograd.grad gave was read with the weights when it came.
            if "lr" in optimizer.param_groups[0]:
                builder.log("lr", optimizer.param_groups[0]["lr"])
            return
        held, parameters = self._held(), self._table.tensors()
        builder.forget_statistics()
        builder.read_weights(parameters, held, cycle.updates.before(parameters, held))
        builder.read_step(optimizer, parameters, held)

    def _held(self) -> list[int]:
        generation, held = self._trainable
        if generation != self._table.generation:
            held = trainable_among(self._table.tensors())
            self._trainable = self._table.generation, held
        return held
