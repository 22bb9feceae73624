"""What is taken from a step's backward passes, and from calls of ``torch.autograd.grad`` in their
place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor, nn

from gradwidget.capture.collect.frame_builder import FrameBuilder
from gradwidget.capture.collect.weight_updates import WeightUpdates
from gradwidget.capture.guard import Guard, entry
from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.steps.backward_reach import BackwardReach
from gradwidget.capture.steps.manual import ManualLoop
from gradwidget.capture.torch_private import in_backward, is_transformed
from gradwidget.frame import NonfiniteOrigin

SEVERAL = (
    "The loop called torch.autograd.grad several times in this step: what it made of the results is not known, so the "
    "gradient that it took is not measured."
)


class BackwardReader:
    """Reads what a pass leaves: the loss, the gradients as they came, what flowed through the
    layers' outputs.

    Args:
        table: the layers.
        guard: contains failures.
        draft: gives the step under way.
        before: called when a pass begins: ends a step that nothing else has shown to be over, looks
            at the model anew.
        reach: tells which passes reached the model.
        manual: finds the ends of steps in loops without an optimizer.
        found_loss: called with the loss of every step and the scale that it was multiplied by, each
            None where it is not known.
        replay: runs a forward once more.
        updates: copies weights before they change.
    """

    def __init__(
        self,
        table: LayerTable,
        guard: Guard,
        *,
        draft: Callable[[], FrameBuilder],
        before: Callable[[], None],
        reach: BackwardReach,
        manual: ManualLoop,
        found_loss: Callable[[float | None, float | None], None],
        replay: Callable[[], NonfiniteOrigin | None],
        updates: WeightUpdates,
    ) -> None:
        self.guard = guard
        self._table = table
        self._draft = draft
        self._before = before
        self._reach = reach
        self._manual = manual
        self._found_loss = found_loss
        self._replay = replay
        self._updates = updates
        self._running = False

    def begin(self, roots: Sequence[Tensor]) -> None:
        """An outermost backward pass is about to run."""
        self._before()
        draft = self._draft()
        if self._reach.begins(self._table.alive() if draft.sampled else None):
            draft.forget()
        if (
            draft.taken
        ):  # gradients that were taken before it led to something else than the step's gradient
            draft.forget_taken()
        self._running = True
        self.look_up_followers(roots)

    def end(self, roots: Sequence[Tensor], *, weighted: bool) -> None:
        """It has run; ``weighted`` where gradients were given for the roots, which then are no
        losses.
        """
        self._running = False
        if not self._reach.ended():
            return
        self._read(roots, weighted=weighted, taken=None)

    def fail(self) -> None:
        """It raised, or was interrupted."""
        self._running = False
        self._draft().forget()

    def begin_taking(
        self, roots: Sequence[Tensor], inputs: Sequence[Tensor], *, differentiable: bool
    ) -> None:
        """``torch.autograd.grad`` is about to run.

        Without a graph of its own and with respect to parameters of the model it stands for a
        backward pass, until one follows.
        """
        if in_backward() or any(is_transformed(root) for root in roots):
            return
        if not differentiable and any(self._table.number_of(one) is not None for one in inputs):
            self._before()
            self._running = True
        self.look_up_followers(roots)

    def end_taking(
        self,
        roots: Sequence[Tensor],
        inputs: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
        *,
        weighted: bool,
    ) -> None:
        """It has given ``gradients`` of the inputs."""
        was_running, self._running = self._running, False
        if not was_running or len(inputs) != len(gradients):
            return  # nothing of the model's, or also by other things than tensors (edges of the graph)
        draft = self._draft()
        draft.taken += 1
        taken: dict[int, Tensor] = {}
        if draft.taken == 1:
            numbered = [
                (self._table.number_of(one), gradient)
                for one, gradient in zip(inputs, gradients, strict=True)
            ]
            taken = {
                number: one for number, one in numbered if number is not None and one is not None
            }
        else:
            draft.reasons |= dict.fromkeys((layer.name for layer in self._table.layers), SEVERAL)
        self._read(roots, weighted=weighted, taken=taken)

    def look_up_followers(self, roots: Sequence[Tensor]) -> None:
        """Finds in the graph which nonlinearity follows which layer."""
        draft = self._draft()
        if draft.is_whole:
            for name, kind in draft.activations.backward_begins(roots).items():
                self._table.followed_by(name, kind)

    def on_gradient(self, tensor: Tensor, take: Callable[[Tensor], None]) -> None:
        """Has ``take`` called with the gradient of a tensor when a pass brings it."""
        tensor.register_hook(partial(self._flowed, take))

    @entry("reading an activation's gradient")
    def _flowed(self, take: Callable[[Tensor], None], gradient: Tensor | None) -> None:
        # autograd.grad also comes along here, for gradients that no parameter will get
        if self._running and gradient is not None:
            take(gradient.detach())

    def _read(
        self, roots: Sequence[Tensor], *, weighted: bool, taken: dict[int, Tensor] | None
    ) -> None:
        draft = self._draft()
        if draft.is_whole:
            draft.activations.backward_ended()
        if not weighted:
            draft.loss.found(roots)
            loss, scale = draft.loss.known()
            self._found_loss(loss, scale)
            is_nonfinite = loss is not None and not math.isfinite(loss)
            if draft.sampled and not draft.is_whole and is_nonfinite:
                draft.replayed = self.guard.run("running a forward again", self._replay)
        if draft.sampled:
            parameters = self._table.tensors()
            draft.recurrent.backward_ended()
            draft.read_raw(parameters, taken)
            if self._manual.possible:
                # Nobody may announce the step: what it will use is read now, and again if an
                # optimizer shows up.
                trainable = _trainable(parameters)
                draft.forget_figures()
                draft.read_gradients(parameters, trainable, taken=taken)
                draft.read_weights(
                    parameters, trainable, self._updates.before(parameters, trainable)
                )
        self._manual.backward_ended()


def _trainable(parameters: Sequence[nn.Parameter | None]) -> list[int]:
    return [
        number for number, one in enumerate(parameters) if one is not None and one.requires_grad
    ]
