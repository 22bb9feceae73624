"""Which calls of an optimizer's ``step`` are steps of the training."""

from __future__ import annotations

from torch.optim import Optimizer

from gradwidget.capture.torch_private import in_backward


class OptimizerSteps:
    """Tells a step from one that wraps another, is part of a backward pass, or was skipped.

    Example:
        >>> import torch
        >>> steps = OptimizerSteps()
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        >>> steps.begins(optimizer)
        >>> steps.ends(optimizer)
        True
    """

    def __init__(self) -> None:
        self._ended = 0
        self._ended_before: dict[int, int] = {}
        self._ended_before_scaler = 0
        self._in_backward = False

    def begins(self, optimizer: Optimizer) -> None:
        """An optimizer of the model is about to step."""
        self._ended_before[id(optimizer)] = self._ended

    def ends(self, optimizer: Optimizer) -> bool:
        """It has stepped; False where it wrapped another optimizer, whose step this was."""
        return self._ended_before.pop(id(optimizer), self._ended) == self._ended

    def scaler_begins(self) -> None:
        """A gradient scaler is about to step an optimizer, or to skip that."""
        self._ended_before_scaler = self._ended

    def scaler_skipped(self) -> bool:
        """It has returned: whether no optimizer has stepped, since it found an overflow."""
        return self._ended == self._ended_before_scaler

    def stepped_in_backward(self, optimizer: Optimizer) -> bool:
        """Notes a step that is part of a backward pass, which ends with it; whether this is one."""
        # What began before a pass does not end inside of it.
        inside = id(optimizer) not in self._ended_before and in_backward()
        self._in_backward |= inside
        return inside

    def backward_ended(self) -> bool:
        """Whether optimizers have stepped inside the backward pass that has just ended."""
        stepped, self._in_backward = self._in_backward, False
        return stepped

    def step_ended(self) -> None:
        """A step of the training is over."""
        self._ended += 1
