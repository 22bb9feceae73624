"""Looks at every step in passing and has those sampled that look wrong, with the steps after them."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from gradwidget.capture.budget import Budget
from gradwidget.capture.draft import Draft
from gradwidget.capture.layers import LayerTable
from gradwidget.capture.norms import l2, plain
from gradwidget.capture.readback import as_numpy
from gradwidget.capture.tripwire import Surprise, Tripwire
from gradwidget.frame import Frame

FOLLOWED = 5
"""Steps that are sampled in full after a suspicious one."""
GLANCE = 8e-6
"""Seconds that a look at one parameter's gradient takes."""


class Lookout:
    """Never waits for an accelerator: there, only what has been read back is looked at.

    Args:
        budget: has the steps sampled.
        table: the layers.
    """

    def __init__(self, budget: Budget, table: LayerTable) -> None:
        self._budget = budget
        self._table = table
        self._loss = Tripwire()
        self._surprise = Surprise()
        self._norm = Tripwire()
        self._turn = 0

    def loss_found(self, draft: Draft) -> None:
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

    def is_nonfinite(self, draft: Draft) -> bool:
        """Whether the loss is known to be NaN or infinite."""
        loss = draft.loss.value if draft.readback.ready else None
        return loss is not None and not math.isfinite(loss)

    def step_begins(self, draft: Draft, optimizer: Optimizer, owned: list[int]) -> None:
        """Looks at a step that is not sampled: will a fused optimizer skip it, is one gradient, in turn, finite."""
        if draft.sampled:
            return
        overflow = getattr(optimizer, "found_inf", None)
        if isinstance(overflow, Tensor) and overflow.is_cpu and as_numpy(overflow) > 0:
            draft.sampled = True
        if self._budget.affords(GLANCE):
            self._turn += 1
            one = self._table.parameters[owned[self._turn % len(owned)]]()
            gradient = None if one is None else one.grad
            if gradient is not None and gradient.is_cpu and gradient.layout is torch.strided:
                draft.sampled |= not np.isfinite(as_numpy(l2(plain(gradient))))
        if draft.sampled:
            self._budget.force(FOLLOWED)

    def frame_made(self, frame: Frame) -> None:
        """Looks at a whole frame."""
        if self._norm.trips(frame.scalars.get("total_grad_norm", 0.0)) or frame.skipped:
            self._budget.force(FOLLOWED)
