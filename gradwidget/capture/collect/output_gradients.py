"""The gradients of single tensors, as a backward pass brings them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Protocol

from torch import Tensor

from gradwidget.capture.guard import Guard, entry
from gradwidget.capture.model.most_nodes import most_nodes
from gradwidget.capture.model.nonlinearity import Node

if TYPE_CHECKING:
    from typing_extensions import TypeVarTuple, Unpack

    Given = TypeVarTuple("Given")


class OnGradient(Protocol):
    """``OutputGradientHooks.register``."""

    def __call__(
        self,
        output: Tensor | Node,
        take: Callable[[Unpack[Given], Tensor], None],
        *args: Unpack[Given],
    ) -> bool:
        """Has ``take`` called with the gradient of an output, after ``args``."""


class OutputGradientHooks:
    """Hands the gradient of a tensor on while a backward pass of the model is running.

    Args:
        guard: contains failures.
    """

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self._registered = 0
        """Tensors since the last pass: a hook has Python see the node that made it."""
        self.is_passing = False
        """Whether a pass of the model is running: ``torch.autograd.grad`` also brings gradients
        that no parameter will get."""

    def pass_ended(self) -> bool:
        """A pass is over, and what runs from now on has a graph of its own.

        Returns:
            Whether it was one of the model.
        """
        was_passing, self.is_passing, self._registered = self.is_passing, False, 0
        return was_passing

    def register(
        self,
        output: Tensor | Node,
        take: Callable[[Unpack[Given], Tensor], None],
        *args: Unpack[Given],
    ) -> bool:
        """Has ``take`` called with the gradient of an output when a pass brings it.

        Args:
            output: a tensor, or the node of the graph that made it.
            take: called with ``args``, and the gradient after them.
            args: given by themselves, with no function made for each output: the more objects a
                large model's step leaves, the more often all of them are searched for garbage.

        Returns:
            Whether it will be: no more tensors of a graph have a hook than nodes of it may be seen.
        """
        if not isinstance(output, Tensor):
            output.register_prehook(lambda gradients: self._arrived(take, *args, gradients[0]))
            return True
        if self._registered >= most_nodes():
            return False
        self._registered += 1
        output.register_hook(partial(OutputGradientHooks._arrived, self, take, *args))
        return True

    # On an accelerator the engine calls it on a thread of its own.
    @entry("reading an activation's gradient", any_thread=True)
    def _arrived(self, take: Callable[..., None], *given: object) -> None:
        *args, gradient = given
        if self.is_passing and isinstance(gradient, Tensor):
            take(*args, gradient.detach())
