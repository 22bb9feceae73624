"""Watches every step in passing, and says for which reason a step should be sampled."""

from __future__ import annotations

from torch import Tensor

from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.model.optimizers import Grouped
from gradwidget.capture.sampling.allowances import Reason
from gradwidget.capture.sampling.decision import SamplingDecision
from gradwidget.capture.sampling.level_detector import Level, LevelDetector
from gradwidget.capture.sampling.spot_checks import SpotChecks
from gradwidget.capture.stats.readback import as_numpy
from gradwidget.frame import Frame

LOSS_REASONS = {Level.JUMP: Reason.LOSS_JUMP, Level.RISE: Reason.LOSS_RISE}


class SamplingTriggers:
    """Never waits for an accelerator: it sees what is in the memory of the CPU.

    Each method returns the reason that it found, if any; requesting the steps is up to the caller.

    Args:
        decision: tells what may be spent on spot checks.
        table: the layers.
    """

    def __init__(self, decision: SamplingDecision, table: LayerTable) -> None:
        self._spot_checks = SpotChecks(decision, table)
        self._loss = LevelDetector()
        self._norm = LevelDetector()

    def loss_found(self, loss: float | None, scale: float | None) -> Reason | None:
        """To be called after each backward pass that has a loss.

        Args:
            loss: None where it is not known yet, or not at all.
            scale: by which a gradient scaler multiplied it; None where none did.
        """
        level = Level.USUAL if loss is None else self._loss.level(loss)
        reason = None if level is Level.USUAL else LOSS_REASONS[level]
        changed = None if scale is None else self._spot_checks.loss_scaled(scale)
        return reason or changed

    def optimizer_steps(self, optimizer: Grouped, numbers: list[int]) -> Reason | None:
        """To be called before a step that is not sampled.

        Args:
            optimizer: about to step.
            numbers: those of the model's parameters that it holds.
        """
        # A fused optimizer is told like this to skip the step.
        overflow = getattr(optimizer, "found_inf", None)
        if isinstance(overflow, Tensor) and overflow.is_cpu and as_numpy(overflow) > 0:
            return Reason.OVERFLOW
        return self._spot_checks.optimizer_steps(optimizer, numbers) if numbers else None

    def frame_made(self, frame: Frame) -> Reason | None:
        """To be called with each frame, which is of an earlier step than the one under way."""
        if frame.skipped:
            return Reason.OVERFLOW
        norm = frame.scalars.get("total_grad_norm")
        jumped = norm is not None and self._norm.level(norm) is Level.JUMP
        return Reason.NORM_JUMP if jumped else None
