"""Reads what a backward pass leaves, or a call of ``torch.autograd.grad`` in its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from gradwidget.capture.collect.frame_builder import FrameBuilder
from gradwidget.capture.collect.output_gradients import OutputGradientHooks
from gradwidget.capture.collect.weight_updates import WeightUpdates
from gradwidget.capture.model.layers import LayerTable, trainable_among
from gradwidget.capture.steps.backward_detector import BackwardDetector
from gradwidget.capture.steps.manual_updates import ManualUpdates
from gradwidget.capture.steps.unstepped import UnsteppedPasses
from gradwidget.capture.unmeasured import SEVERAL_GRADS

Taken = Mapping[int, Tensor]
"""Gradients by the number of their parameter, where a loop took them itself."""


class BackwardReader:
    """Reads what a pass leaves: the loss, the gradients as they came, those of the outputs.

    Args:
        table: the layers.
        hooks: bring the gradients of outputs.
        detector: tells which passes reached the model.
        manual: finds the ends of steps in loops without an optimizer.
        updates: copies weights before they change.
        unstepped: counts passes that no step follows.
    """

    def __init__(
        self,
        table: LayerTable,
        hooks: OutputGradientHooks,
        detector: BackwardDetector,
        manual: ManualUpdates,
        updates: WeightUpdates,
        *,
        unstepped: UnsteppedPasses,
    ) -> None:
        self._table = table
        self._hooks = hooks
        self._detector = detector
        self._manual = manual
        self._updates = updates
        self._unstepped = unstepped

    def begin(self, builder: FrameBuilder, roots: Sequence[Tensor]) -> None:
        """An outermost backward pass is about to run."""
        if self._detector.begins(self._table.alive() if builder.sampled else None):
            builder.forget()
        if builder.taken:
            # Gradients that were taken before it led to something else than the step's gradient.
            builder.forget_taken()
        self._hooks.is_passing = True
        if builder.sampled:
            builder.loop.targets.pass_begins(roots)
        if builder.has_outputs:
            self.find_activation_functions(builder, roots)

    def end(
        self, builder: FrameBuilder, roots: Sequence[Tensor], weights: Sequence[Tensor] | None
    ) -> bool:
        """It has run.

        Args:
            builder: the step under way.
            roots: where the pass began.
            weights: numbers that were given for the roots, empty where none were; None where the
                roots are no losses.

        Returns:
            Whether the pass has reached the model.
        """
        if not self._hooks.pass_ended() or not self._detector.ended():
            builder.loss.pass_dropped()
            return False
        if builder.sampled:
            builder.loop.derivatives.pass_ended(roots)
        self._find_loss(builder, roots, weights)
        return True

    def end_cut_off(self, builder: FrameBuilder, roots: Sequence[Tensor]) -> None:
        """A pass has run from a loss without a graph, where the model had just given one."""
        self._unstepped.pass_ended(builder.source, cleared=True)
        builder.scalars["loss_is_leaf"] = 1.0
        self._find_loss(builder, roots, ())
        self.read(builder, None)

    def fail(self, builder: FrameBuilder) -> None:
        """It raised, or was interrupted."""
        builder.loss.pass_dropped()
        if self._hooks.pass_ended():
            builder.forget()

    def concerns_parameters(self, inputs: Sequence[Tensor]) -> bool:
        """Whether one of the tensors, whose gradients are taken, is a parameter of the model."""
        return any(self._table.number_of(one) is not None for one in inputs)

    def begin_taking(self) -> None:
        """``torch.autograd.grad`` is about to run, for gradients of the model's parameters."""
        self._hooks.is_passing = True

    def end_taking(
        self,
        builder: FrameBuilder,
        roots: Sequence[Tensor],
        inputs: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
        *,
        weighted: bool,
    ) -> Taken | None:
        """It has given ``gradients`` of the inputs; those of the model's parameters, by number.

        Returns:
            None where the call had nothing to do with the model.
        """
        if not self._hooks.pass_ended() or len(inputs) != len(gradients):
            return None  # also by other things than tensors (edges of the graph)
        builder.taken += 1
        taken: dict[int, Tensor] = {}
        if builder.taken == 1:
            for one, gradient in zip(inputs, gradients, strict=True):
                number = self._table.number_of(one)
                if number is not None and gradient is not None:
                    taken[number] = gradient
        else:
            builder.reasons |= dict.fromkeys(
                (layer.name for layer in self._table.layers), SEVERAL_GRADS
            )
        self._find_loss(builder, roots, None if weighted else ())
        return taken

    def take_derivatives(
        self, builder: FrameBuilder, roots: Sequence[Tensor], inputs: Sequence[Tensor]
    ) -> None:
        """``torch.autograd.grad`` is about to run, for derivatives by data without a graph."""
        if builder.sampled:
            builder.loop.derivatives.taken(roots, inputs)

    def find_activation_functions(self, builder: FrameBuilder, roots: Sequence[Tensor]) -> None:
        """Finds in the graph which activation function each layer has."""
        if builder.has_outputs:
            for name, kind in builder.activations.find_nonlinearities(roots).items():
                self._table.note_activation_function(name, kind)

    def read(self, builder: FrameBuilder, taken: Taken | None) -> None:
        """Reads the gradients that a pass has left.

        Args:
            builder: the step under way.
            taken: those that ``torch.autograd.grad`` gave in the place of a pass.
        """
        if builder.sampled:
            self._read_all(builder, taken)
        if self._manual.possible:
            self._manual.backward_ended()

    def _read_all(self, builder: FrameBuilder, taken: Taken | None) -> None:
        parameters = self._table.tensors()
        builder.recurrent.measure_calls()
        builder.read_raw(parameters, taken)
        is_taken = taken is not None and self._manual.is_announced
        if self._manual.possible or self._unstepped.is_overdue or is_taken:
            # Nobody may announce the step: what it will use is read now, and again if an optimizer
            # shows up.
            trainable = trainable_among(parameters)
            builder.forget_statistics()
            builder.read_gradients(parameters, trainable, taken=taken)
            builder.read_weights(parameters, trainable, self._updates.before(parameters, trainable))

    def _find_loss(
        self, builder: FrameBuilder, roots: Sequence[Tensor], weights: Sequence[Tensor] | None
    ) -> None:
        if builder.sampled:
            builder.loop.inputs.end_round()
            builder.loop.targets.end_round()
        if builder.has_outputs:
            builder.activations.end_round()
        if weights is not None:
            builder.loss.add(roots, weights)
