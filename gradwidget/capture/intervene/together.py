"""Which optimizers step on the gradients of one backward pass."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import ReferenceType, WeakKeyDictionary, WeakSet, ref

from torch import Tensor
from torch.optim import Optimizer

from gradwidget.capture.torch_private import version

Marks = list[tuple[ReferenceType[Tensor], int]]
"""Gradients, and how often each had been written to."""


class SteppedTogether:
    """Learns from the gradients whether a backward pass lies between the steps of two optimizers.

    None does where the gradients of the second have not changed since the step of the first, as in
    ``loss.backward(); first.step(); second.step()``. In adversarial training one does.
    """

    def __init__(self) -> None:
        self._after: WeakKeyDictionary[Optimizer, WeakSet[Optimizer]] = WeakKeyDictionary()
        self._marks: WeakKeyDictionary[Optimizer, WeakKeyDictionary[Optimizer, Marks]] = (
            WeakKeyDictionary()
        )

    def step_begins(self, optimizer: Optimizer) -> None:
        """An optimizer is about to step, and nothing has been done to its gradients."""
        for earlier, marks in list(self._marks.items()):
            before = marks.pop(optimizer, None)
            if before is None:
                continue
            after = self._after.setdefault(earlier, WeakSet())
            if before and _are_unchanged(before, _ends(optimizer)):
                after.add(optimizer)
            else:
                after.discard(optimizer)

    def ready(self, optimizer: Optimizer, optimizers: Sequence[Optimizer]) -> None:
        """All that is to be done to gradients before this step has been done."""
        self._marks[optimizer] = WeakKeyDictionary(
            {
                other: [(ref(gradient), version(gradient)) for gradient in _ends(other)]
                for other in optimizers
                if other is not optimizer
            }
        )

    def after(self, optimizer: Optimizer) -> list[Optimizer]:
        """Those that step behind this one, on gradients that are there already."""
        return list(self._after.get(optimizer, ()))


def _ends(optimizer: Optimizer) -> list[Tensor]:
    """The first and the last gradient of an optimizer: a backward pass changes them, if any."""
    gradients = [
        parameter.grad
        for group in optimizer.param_groups
        for parameter in group["params"]
        if parameter.grad is not None
    ]
    return [gradients[0], gradients[-1]] if gradients else []


def _are_unchanged(marks: Marks, gradients: list[Tensor]) -> bool:
    return len(marks) == len(gradients) and all(
        known() is gradient and times == version(gradient)
        for (known, times), gradient in zip(marks, gradients, strict=True)
    )
