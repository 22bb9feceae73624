"""Gradient scalers, clipping and accumulation: gradients that are not yet those that are used."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler

from tests.awkward.loop import FIRST_ORDER, Loop, Optimizing, awkward
from tests.awkward.loops.structure import mlp
from tests.awkward.probe import Probe
from tests.awkward.supervised import Supervised, noise

FUSED = ("AdamW fused",)
clip = partial(nn.utils.clip_grad_norm_, max_norm=0.1)


class Scaled(Supervised):
    """Trains under a gradient scaler.

    Args:
        unscale: call ``scaler.unscale_`` and clip before the step.
        overflow_at: step whose batch overflows, so that the scaler skips it.
    """

    def __init__(
        self,
        optimizing: Optimizing,
        *,
        unscale: bool = False,
        overflow_at: int = -1,
        accumulate: int = 1,
    ) -> None:
        follows = {"0": "tanh", "2": "tanh"}
        super().__init__(
            mlp(nn.Tanh), optimizing, noise(8, 4), follows=follows, micro_batches=accumulate
        )
        self.scaler = GradScaler("cpu", init_scale=1024.0)
        self.unscale = unscale
        self.overflow_at = overflow_at
        self.steps = 0

    def step(self, probe: Probe) -> None:
        self.optimizer.zero_grad()
        scale = float(self.scaler.get_scale())
        for _ in range(self.micro_batches):
            inputs, targets = self.batch()
            with torch.autocast("cpu", enabled=False):
                loss = self.criterion(self.model(inputs), targets) / self.micro_batches
            if self.steps == self.overflow_at:
                loss = loss * 3e37
            probe.loss(loss, scale)
            self.scaler.scale(loss).backward()
            probe.raw(scale)
            self.losses.append(loss.detach())
        left = scale
        if self.unscale:
            self.scaler.unscale_(self.optimizer)
            clip(self.model.parameters())
            left = 1.0
        probe.before(self.optimizer, left)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.steps += 1
        probe.after(skipped=float(self.scaler.get_scale()) < scale)

    def state(self) -> Any:
        yield from super().state()
        yield torch.tensor(self.scaler.get_scale())


@awkward(optimizers=FIRST_ORDER)
def a_scaler_alone(optimizing: Optimizing) -> Loop:
    """GradScaler without unscale_: gradients are 1,024 times too large until the step."""
    return Scaled(optimizing)


@awkward(optimizers=FIRST_ORDER)
def a_scaler_with_unscale_and_clipping(optimizing: Optimizing) -> Loop:
    """GradScaler with unscale_, then clipping: scaled, unscaled and clipped gradients in turn."""
    return Scaled(optimizing, unscale=True)


@awkward(optimizers=FUSED)
def a_fused_optimizer_under_a_scaler(optimizing: Optimizing) -> Loop:
    """A fused optimizer unscales inside its kernel, so its hooks see scaled gradients."""
    return Scaled(optimizing)


@awkward(optimizers=FUSED)
def a_fused_optimizer_after_unscale(optimizing: Optimizing) -> Loop:
    """A fused optimizer after unscale_ sees what it uses."""
    return Scaled(optimizing, unscale=True)


@awkward(optimizers=FIRST_ORDER)
def a_step_that_overflows(optimizing: Optimizing) -> Loop:
    """The scaler skips the second step, and calls no optimizer hook."""
    return Scaled(optimizing, overflow_at=1)


@awkward(optimizers=FUSED)
def a_fused_step_that_overflows(optimizing: Optimizing) -> Loop:
    """A fused optimizer is called for the skipped step too, and its hooks fire."""
    return Scaled(optimizing, overflow_at=1)


@awkward(optimizers=FIRST_ORDER)
def an_overflow_after_unscale(optimizing: Optimizing) -> Loop:
    """The overflow is found by unscale_, and clipping has already spread it over all gradients."""
    return Scaled(optimizing, unscale=True, overflow_at=1)


@awkward(optimizers=FIRST_ORDER)
def a_scaler_over_accumulated_batches(optimizing: Optimizing) -> Loop:
    """Three scaled backward passes per step."""
    return Scaled(optimizing, accumulate=3)


@awkward()
def accumulation(optimizing: Optimizing) -> Loop:
    """Three backward passes per step."""
    return Supervised(
        mlp(), optimizing, noise(8, 4), follows={"0": "relu", "2": "relu"}, micro_batches=3
    )


@awkward(optimizers=FIRST_ORDER)
def clipping_by_norm(optimizing: Optimizing) -> Loop:
    """clip_grad_norm_ scales the gradients down between backward and step."""
    model = mlp()
    return Supervised(
        model,
        optimizing,
        noise(8, 4),
        follows={"0": "relu", "2": "relu"},
        meddle=lambda it: clip(it.parameters()),
    )


def clip_values(model: nn.Module) -> None:
    """Cuts every entry."""
    nn.utils.clip_grad_value_(model.parameters(), 0.01)


@awkward(optimizers=FIRST_ORDER)
def clipping_by_value_after_accumulation(optimizing: Optimizing) -> Loop:
    """Entries are cut after two backward passes."""
    follows = {"0": "relu", "2": "relu"}
    return Supervised(
        mlp(), optimizing, noise(8, 4), follows=follows, micro_batches=2, meddle=clip_values
    )


class Reused(Supervised):
    """Keeps gradient tensors and clears them by zeros, and only after the step."""

    def step(self, probe: Probe) -> None:
        loss: Tensor = self.backward(probe, *self.batch())
        probe.before(self.optimizer)
        self.optimizer.step()
        probe.after()
        self.optimizer.zero_grad(set_to_none=False)
        self.losses.append(loss.detach())


@awkward(optimizers=FIRST_ORDER)
def gradients_cleared_by_zeros_after_the_step(optimizing: Optimizing) -> Loop:
    """zero_grad(set_to_none=False) right after the step: a gradient read late is 0."""
    return Reused(mlp(), optimizing, noise(8, 4), follows={"0": "relu", "2": "relu"})
