"""What one step shows of the loop itself."""

from __future__ import annotations

import math

from gradwidget.capture.collect.loop.input_data import InputData
from gradwidget.capture.collect.loop.lost_derivatives import LostDerivatives
from gradwidget.capture.collect.loop.rates import Rates
from gradwidget.capture.collect.loop.targets import Targets
from gradwidget.capture.guard import Guard
from gradwidget.capture.stats.readback import Fetch, Readback


class LoopFacts:
    """Collects it, in a step that is sampled.

    Args:
        readback: brings values.
        guard: contains failures.
    """

    def __init__(self, readback: Readback, guard: Guard) -> None:
        self.inputs = InputData(readback, guard)
        """The data that enters the model."""
        self.targets = Targets(readback, guard)
        """What its outputs are held against."""
        self.derivatives = LostDerivatives()
        """What a loss may be made of without a graph."""
        self.rates = Rates(readback)
        """The learning rates of its optimizers."""
        self.kept: list[Fetch] = []
        """For each optimizer that stepped, whether gradients that it had used were never cleared.
        """
        self.unstepped: Fetch | None = None
        """How many backward passes no step has followed; NaN where weights have changed after all.
        """
        self.stepped_elsewhere = False
        """Whether an optimizer has stepped all the same, which holds other parameters."""
        self.unscaled_late = False
        """Whether a gradient scaler unscaled gradients only in its step, after all that was done to
        them."""

    def scalars(self) -> dict[str, float]:
        """Those of the data, the targets and the rates, and of the loop itself.

        That is ``gradients_kept``, ``unscaled_late``, ``lost_derivatives`` and, where no step
        follows, ``unstepped`` and ``stepped_elsewhere``. Each where it is known.

        Only once the readback is ready.
        """
        found = self.inputs.scalars() | self.targets.scalars() | self.rates.scalars()
        if self.kept:
            found["gradients_kept"] = max(float(kept()) for kept in self.kept)
        if self.unscaled_late:
            found["unscaled_late"] = 1.0
        if self.derivatives.are_in_loss:
            found["lost_derivatives"] = 1.0
        if self.unstepped is not None and not math.isnan(passes := float(self.unstepped())):
            found |= {"unstepped": passes, "stepped_elsewhere": float(self.stepped_elsewhere)}
        return found
