"""Which optimizers step on the gradients of one backward pass."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from inspect import unwrap
from types import FrameType
from weakref import ReferenceType, WeakKeyDictionary, WeakSet, ref

from torch import Tensor
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from gradwidget.capture.torch_private import version

Marks = list[tuple[ReferenceType[Tensor], int]]
"""Gradients, and how often each had been written to."""


class SteppedTogether:
    """Learns from the gradients whether a backward pass lies between the steps of two optimizers.

    None does where the gradients of the second have not changed since the step of the first, as in
    ``loss.backward(); first.step(); second.step()``. In adversarial training one does. Where a
    gradient scaler steps them, those of the second are still scaled, so that they do not count.
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
            if before and not _is_in_scaler() and _are_unchanged(before, _ends(optimizer)):
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
        """Those that step after this one, on gradients that are there already."""
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


def _is_in_scaler() -> bool:
    # Unscaling leaves no sign on a gradient.
    code = unwrap(GradScaler.step).__code__
    frame: FrameType | None = sys._getframe()  # noqa: SLF001  # the documented way to one's own stack
    while frame is not None and frame.f_code is not code:
        frame = frame.f_back
    return frame is not None


def _are_unchanged(marks: Marks, gradients: list[Tensor]) -> bool:
    return len(marks) == len(gradients) and all(
        known() is gradient and times == version(gradient)
        for (known, times), gradient in zip(marks, gradients, strict=True)
    )
