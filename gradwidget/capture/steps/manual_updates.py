"""Finds the ends of steps in loops where no optimizer of torch's announces them."""

from __future__ import annotations

import torch
from torch import nn

from gradwidget.capture.model.optimizers import OptimizerParameters, all_optimizers
from gradwidget.capture.model.unreadable import unreadable
from gradwidget.capture.stats.readback import as_numpy
from gradwidget.capture.steps.backward_detector import BackwardDetector
from gradwidget.capture.torch_private import version

PATIENCE = 3
"""Changes of the weights that are tolerated before a loop counts as manual although there is an
optimizer: some loops (sharpness-aware ones) move the weights themselves before the first step that
an optimizer announces."""
SAMPLED = 1024
"""Entries of a parameter that are added up to see a change made through ``.data``, which leaves no
other sign."""

Mark = tuple[int, int, float]


class ManualUpdates:
    """A step has ended once the weights are no longer those that a backward pass left.

    Args:
        detector: chooses the parameters that are checked.
        optimizers: knows whether there is an optimizer.
    """

    def __init__(self, detector: BackwardDetector, optimizers: OptimizerParameters) -> None:
        self.possible = not optimizers.is_one_given
        """False from the first step of an optimizer, or the first that is announced, on."""
        self.is_announced = False
        """Whether the loop has announced a step itself."""
        self._detector = detector
        self._optimizers = optimizers
        self._marks: list[Mark] | None = None
        self._patience: int | None = None

    def optimizer_stepped(self) -> None:
        """The loop is not one of those."""
        self.possible, self._marks = False, None

    def announced(self) -> None:
        """The loop tells of its steps: they need not be found."""
        self.optimizer_stepped()
        self.is_announced = True

    def backward_ended(self) -> None:
        """From here on a change of the weights ends the step; only while that is ``possible``."""
        probed = self._detector.probed()
        self._marks = None if probed is None else [mark_of(one) for one in probed]

    def has_stepped(self) -> bool:
        """Whether the weights have changed since; True once a step."""
        if self._marks is None:
            return False
        probed = self._detector.probed()
        if probed is None or self._marks == [mark_of(one) for one in probed]:
            return False
        self._marks = None
        if self._patience is None:
            self._patience = PATIENCE if self._has_optimizer() else 0
        self._patience -= 1
        return self._patience < 0

    def _has_optimizer(self) -> bool:
        # Once per capture.
        return any(self._optimizers.of(one) for one in all_optimizers())


def mark_of(parameter: nn.Parameter) -> Mark:
    """What is different once a weight has been written to."""
    if unreadable(parameter) is not None or parameter.layout is not torch.strided:
        return id(parameter), version(parameter), 0.0
    values = parameter.detach()
    total = 0.0
    if values.is_cpu and values.numel() and not values.is_complex():
        total = float(as_numpy(values.reshape(-1)[:: 1 + values.numel() // SAMPLED].double().sum()))
    return parameter.data_ptr(), version(parameter), total
