"""Looks at every step in passing and has those sampled that look wrong, with the steps after them."""

from __future__ import annotations

import math

from torch import Tensor
from torch.optim import Optimizer

from gradwidget.capture.collect.frame_builder import FrameBuilder
from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.sampling.budget import Budget
from gradwidget.capture.sampling.spikes import JumpDetector, RiseDetector
from gradwidget.capture.sampling.spot_checks import SpotChecks
from gradwidget.capture.stats.readback import as_numpy
from gradwidget.frame import Frame

FOLLOWED = 5
"""Steps that are sampled in full after a suspicious one."""


class SamplingTriggers:
    """Never waits for an accelerator: there, only what has been read back is looked at.

    Args:
        budget: has the steps sampled.
        table: the layers.
    """

    def __init__(self, budget: Budget, table: LayerTable) -> None:
        self._budget = budget
        self._glances = SpotChecks(budget, table)
        self._loss = JumpDetector()
        self._surprise = RiseDetector()
        self._norm = JumpDetector()

    def loss_found(self, draft: FrameBuilder) -> None:
        """Looks at the loss after a backward pass."""
        if not draft.readback.ready or (loss := draft.loss.value) is None:
            return
        surprising = self._surprise.trips(loss)
        if self._loss.trips(loss):
            draft.sampled = True
            self._budget.force(FOLLOWED)
        elif surprising:
            # Often only noise; whoever judges the frames asks for more if they look wrong.
            draft.sampled = True
            self._budget.force(1)
        if draft.loss.scale is not None and self._glances.see_scale(float(draft.loss.scale())):
            self._budget.force(1)

    def is_nonfinite(self, draft: FrameBuilder) -> bool:
        """Whether the loss is known to be NaN or infinite."""
        loss = draft.loss.value if draft.readback.ready else None
        return loss is not None and not math.isfinite(loss)

    def step_begins(self, draft: FrameBuilder, optimizer: Optimizer, owned: list[int]) -> None:
        """Looks at a step that is not sampled: will a fused optimizer skip it, is a parameter no
        longer what it was.
        """
        if draft.sampled:
            return
        overflow = getattr(optimizer, "found_inf", None)
        if isinstance(overflow, Tensor) and overflow.is_cpu and as_numpy(overflow) > 0:
            draft.sampled = True
            self._budget.force(FOLLOWED)
        elif owned and self._glances.see_changed(optimizer, owned):
            # Whoever judges the frames asks for more if they look wrong.
            draft.sampled = True
            self._budget.force(1)

    def frame_made(self, frame: Frame) -> None:
        """Looks at a whole frame."""
        if self._norm.trips(frame.scalars.get("total_grad_norm", 0.0)) or frame.skipped:
            self._budget.force(FOLLOWED)
